/*
 * The ledger's protocol, for spin. Small on purpose: one goods, two names of orders, three requests, two replicas, two
 * leaders of which the first may not know that it was deposed. spin looks at every interleaving of their steps.
 *
 *   goods     one object in etcd: reserved, a hold per name, a lot per replica, the leader's term
 *   order     one object per name: none -> stored -> unpaid -> gone, or stored -> rejected
 *   request   a create: held for its name at a replica, then refused by somebody else, or stored, at the latest after LIMIT
 *
 * A compare-and-swap of one object is one atomic step: one that loses a race changes nothing and is tried again. What
 * is looked at before such a step (orders, the clock, another copy of the goods) is a step of its own, so that
 * everything may happen in between.
 *
 * Not in the model: more than one goods, payment (an unpaid order that is paid keeps its unit), a stopped replica that
 * goes on after its lot was taken (test/simulation has it), a restored etcd.
 *
 * Rules have labels that begin with R; docs/ledger.md names them. With -D of one of these the model is wrong and must be caught:
 *   FREED_EARLY      a hold lapses before the request it was taken for can no longer be stored
 *   LOT_TWICE        the leader gives a unit of a lot to an order and leaves the lot as large as it was
 *   SHARED_WRONGLY   a second request of a name shares the hold and leaves its time as it was
 *   CLOCK_BELIEVED   clocks count as exact although they differ
 *   NO_LIST          a new leader believes what it saw before its claim
 */
#ifndef STOCK
#define STOCK 1
#endif
#ifndef REQUESTS
#define REQUESTS 3    /* the first two are of one name, at both replicas */
#endif
#ifndef LOTS
#define LOTS 0        /* replicas that may have a lot */
#endif
#ifndef LEADERS
#define LEADERS 2
#endif
#define LIMIT 1       /* ticks within which a request is stored, or never */
#define LAST_BEGIN 1  /* no request begins later */
#define LAST_DEATH 2  /* no replica dies later */
#define END 6         /* by then every hold has lapsed, whatever the clocks say */
#define NOBODY 9
#define MANY 8

mtype = { none, stored, unpaid, gone, rejected };

byte now;                       /* the true time */
byte ahead[2];                  /* how much later than the true time a replica takes it to be, at most */
byte behind[2];                 /* how much earlier a leader takes it to be */

/* The goods. */
byte reserved, term;
byte held[2], since[2], by[2];  /* by name: units, time, whose request took it (MANY: it is shared) */
byte lot[2];                    /* by replica */
#define available (STOCK - reserved - held[0] - held[1] - lot[0] - lot[1])

/* The orders. */
mtype order[2];
bool admitted[2];
#define live ((order[0] == unpaid) + (order[1] == unpaid))

/* What a replica has in memory. */
bool alive[2];
byte diedAt[2];
byte spare[2];                  /* units of its lot that are promised to nobody */
byte unnamed[2];                /* the name that was let in on its lot and is not held yet, or NOBODY */
byte letIn[2];                  /* when, as its hold will say */

byte busy;                      /* requests that are not over */

/* What a replica writes as the time of a hold: not earlier than it is. R_TIME */
#ifdef CLOCK_BELIEVED
#define stamp(r) (now - (now > 0 && ahead[r] == 0))
#else
#define stamp(r) (now + ahead[r])
#endif
#define earliest(l) (now - behind[l])

inline hold_or_share(n, r, me) {
  if
  :: held[n] > 0 ->
R_SHARE:
    by[n] = (by[n] == me -> me : MANY);
#ifndef SHARED_WRONGLY
    if :: stamp(r) > since[n] -> since[n] = stamp(r) :: else fi
#endif
  :: else ->
R_HOLD:
    held[n] = 1; since[n] = stamp(r); by[n] = me
  fi
}

/* One create of an order. */
proctype Request(byte me; byte n; byte r) {
  byte begun;
  bool mine = false;
end:
  atomic { now <= LAST_BEGIN -> begun = now; busy++ };
  /* R_LOT: no write before the answer. R_HOLD: one write. */
  if
  :: atomic { !alive[r] || now > begun + LIMIT -> goto over }
  :: atomic { order[n] != none -> goto over }                       /* R_NAME: it exists, which a live look shows */
  :: atomic { alive[r] && spare[r] > 0 && unnamed[r] == NOBODY && now <= begun + LIMIT ->
      spare[r]--; unnamed[r] = n; letIn[r] = stamp(r) }
  :: atomic { alive[r] && held[n] == 0 && available < 1 -> goto over }
  :: atomic { alive[r] && (held[n] > 0 || available >= 1) && now <= begun + LIMIT ->
      hold_or_share(n, r, me); mine = true }
  fi;
  if
  :: goto refused                                                   /* another webhook, a quota; our answer is lost or late */
  :: atomic { order[n] == none && now <= begun + LIMIT ->           /* stored, however late within the limit */
      order[n] = stored; admitted[n] = true }
  :: atomic { order[n] != none || now > begun + LIMIT -> skip }     /* 409: the name was taken meanwhile; or too late */
  fi;
  goto over;
refused:
  if
  :: atomic { mine && alive[r] && by[n] == me ->                    /* R_GIVE_BACK: only what nobody shares */
      held[n] = 0; since[n] = 0; by[n] = NOBODY }
  :: skip                                                           /* or it is left to its limit */
  fi;
over:
  atomic { busy--; begun = 0; mine = false }
}

/* The lot of one replica, of one unit, and its death. */
proctype Replica(byte r) {
  byte took = 0;
end:
  do
  :: atomic { alive[r] && took == 0 && busy > 0 && available >= 1 -> lot[r] = 1; spare[r] = 1; took = 1 }
  :: atomic { alive[r] && unnamed[r] != NOBODY ->                   /* R_NAMED: out of the lot, into a hold */
      if
      :: held[unnamed[r]] > 0 -> spare[r]++;                        /* it is held already: the unit stays in the lot */
         by[unnamed[r]] = MANY;
         if :: letIn[r] > since[unnamed[r]] -> since[unnamed[r]] = letIn[r] :: else fi
      :: else -> lot[r]--; held[unnamed[r]] = 1; since[unnamed[r]] = letIn[r]; by[unnamed[r]] = MANY
      fi;
      unnamed[r] = NOBODY; letIn[r] = 0 }
  :: atomic { alive[r] && spare[r] > 0 -> lot[r]--; spare[r]-- }    /* given back: the crowd is over */
  :: atomic { alive[r] && now <= LAST_DEATH -> alive[r] = false; diedAt[r] = now; spare[r] = 0; unnamed[r] = NOBODY; letIn[r] = 0; goto dead }
  od;
dead:
  skip
}

#define fenced (term > me + 1)
#define inUse ((alive[0] && lot[0] > 0) || (alive[1] && lot[1] > 0))

inline follow(n) { atomic { seen[n] != order[n] -> seen[n] = order[n] } }

inline accept(n) {
  /* R_ACCEPT: a hold is seen, then the state is stored; nothing drops that hold in between. */
  atomic { seen[n] == stored && held[n] > 0 -> skip };
  atomic {
    if :: order[n] == stored -> order[n] = unpaid; assert(live <= STOCK) :: else fi;
    seen[n] = order[n]
  }
}

inline late(n) {
  /* R_LATE: no hold. Out of a lot that its replica left, or out of what is available, or it goes without. */
  atomic { seen[n] == stored && order[n] == stored && held[n] == 0 && !inUse -> skip };
  if
  :: atomic { held[n] > 0 -> skip }
  :: atomic { held[n] == 0 && admitted[n] && !alive[0] && lot[0] > 0 -> held[n] = 1; since[n] = now; by[n] = MANY;
#ifndef LOT_TWICE
      lot[0]--
#endif
    }
  :: atomic { held[n] == 0 && admitted[n] && !alive[1] && lot[1] > 0 -> held[n] = 1; since[n] = now; by[n] = MANY;
#ifndef LOT_TWICE
      lot[1]--
#endif
    }
  :: atomic { held[n] == 0 && available >= 1 -> held[n] = 1; since[n] = now; by[n] = MANY }
  :: atomic { held[n] == 0 && available < 1 && !inUse && !(admitted[n] && lot[0] + lot[1] > 0) && order[n] == stored ->
      assert(!admitted[n]); order[n] = rejected; seen[n] = rejected }
  :: atomic { order[n] != stored -> skip }
  fi
}

inline settle() {
  /* R_SETTLE: what the orders add up to, and the holds that are in it go, in one write, under the term. */
  atomic {
    (reserved != (seen[0] == unpaid) + (seen[1] == unpaid)
      || (held[0] > 0 && seen[0] != none && seen[0] != stored)
      || (held[1] > 0 && seen[1] != none && seen[1] != stored)) ->
    if
    :: fenced -> goto over
    :: else ->
      reserved = (seen[0] == unpaid) + (seen[1] == unpaid);
      if :: seen[0] != none && seen[0] != stored -> held[0] = 0; since[0] = 0; by[0] = NOBODY :: else fi;
      if :: seen[1] != none && seen[1] != stored -> held[1] = 0; since[1] = 0; by[1] = NOBODY :: else fi;
      assert(available >= 0)
    fi
  }
}

inline lapse(n) {
  /* R_LAPSE: past its limit by the leader's earliest time, a live look finds no order, and nobody has shared it since. */
#ifdef FREED_EARLY
  atomic { seen[n] == none && held[n] > 0 -> was = since[n] };
#else
  atomic { seen[n] == none && held[n] > 0 && earliest(me) > since[n] + LIMIT -> was = since[n] };
#endif
  if
  :: atomic { order[n] != none -> seen[n] = order[n]; was = 0 }
  :: atomic { order[n] == none -> skip };
    atomic {
      if
      :: fenced -> goto over
      :: else -> if :: held[n] > 0 && since[n] == was -> held[n] = 0; since[n] = 0; by[n] = NOBODY :: else fi
      fi;
      was = 0
    }
  fi
}

inline lot_left(r) {
  /* R_LOT_LEFT: its replica is dead so long that all it let in is stored or never will be, and each of them has its unit. */
  atomic { !alive[r] && lot[r] > 0 && now > diedAt[r] + LIMIT -> seen[0] = order[0]; seen[1] = order[1] };
  atomic {
    if
    :: fenced -> goto over
    :: else ->
      if :: (seen[0] == stored && held[0] == 0) || (seen[1] == stored && held[1] == 0) -> skip
         :: else -> lot[r] = 0; diedAt[r] = 0
      fi
    fi
  }
}

proctype Leader(byte me) {
  mtype seen[2];
  byte was;
  seen[0] = none; seen[1] = none;
  /* The second may begin at any time, and the first does not hear of it. */
  atomic { seen[0] = order[0]; seen[1] = order[1] };
  atomic { if :: fenced -> goto over :: else -> term = me + 1 fi };  /* R_CLAIM */
#ifndef NO_LIST
  atomic { seen[0] = order[0]; seen[1] = order[1] };                 /* R_LIST: after the claim */
#endif
end:
  do
  :: follow(0)
  :: follow(1)
  :: accept(0)
  :: accept(1)
  :: late(0)
  :: late(1)
  :: settle()
  :: lapse(0)
  :: lapse(1)
  :: lot_left(0)
  :: lot_left(1)
  od;
over:
  skip
}

/* Its buyer deletes an order: then its unit comes back. */
proctype Cancel() {
end:
  atomic { order[0] == unpaid -> order[0] = gone }
}

proctype Clock() {
  do
  :: atomic { now < END -> now++ }
  :: atomic { now == END -> break }
  od
}

init {
  atomic {
    order[0] = none; order[1] = none;
    by[0] = NOBODY; by[1] = NOBODY;
    alive[0] = true; alive[1] = true;
    unnamed[0] = NOBODY; unnamed[1] = NOBODY;
    /* One replica is sure of the time, the other is not; the newest leader is, or is not. */
    if :: ahead[0] = 1 :: ahead[1] = 1 fi;
    if :: behind[LEADERS - 1] = 0 :: behind[LEADERS - 1] = 1 fi;
    run Clock();
    run Leader(0);
#if LEADERS > 1
    run Leader(1);
#endif
#if LOTS > 0
    run Replica(0);
#endif
#if LOTS > 1
    run Replica(1);
#endif
    run Request(0, 0, 0);
    run Request(1, REQUESTS == 2, 1);
#if REQUESTS > 2
    run Request(2, 1, 1);
#endif
    run Cancel();
  }
  /* Nothing moves any more. R_NOTHING_LOST */
  timeout;
  assert(held[0] + held[1] == 0);
  assert(lot[0] + lot[1] == 0);
  assert(reserved == live);
  assert(available == STOCK - live)
}

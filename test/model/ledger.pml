/*
 * The ledger's protocol, for spin. Small on purpose: one goods, two names of orders, three requests, two replicas, two
 * leaders of which the first may not know that it was deposed. spin looks at every interleaving of their steps.
 *
 *   goods     one object in etcd: what is sold, a hold per request, a lot per replica, the leader's term
 *   order     one object per name: none -> stored -> unpaid -> none, or stored -> rejected; of one request (its uid)
 *   request   a create: held at a replica, then refused by somebody else, or stored, at the latest after LIMIT
 *
 * All requests of a name and its order take one unit together: max(0, 1 - sold) while one of them is held.
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
 *   SHARED_WRONGLY   a request that is over gives back the unit that another request of its name shares
 *   NOT_RAISED       the unit of a deleted order is free although a request of its name is held
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
mtype = { none, stored, unpaid, rejected };

byte now;                       /* the true time */
byte ahead[2];                  /* how much later than the true time a replica takes it to be, at most */
byte behind[2];                 /* how much earlier a leader takes it to be */


/* The goods. */
byte term;
bool sold[2];                   /* by name: its order is in the counters */
bool own[2];                    /* by name: its holds take a unit */
bool hold[3];                   /* by request */
byte since[3];
byte lot[2];                    /* by replica */
#define available (STOCK - sold[0] - sold[1] - own[0] - own[1] - lot[0] - lot[1])
#if REQUESTS > 2
#define NAME(i) ((i) / 2)
#define held(n) (((n) == 0 && (hold[0] || hold[1])) || ((n) == 1 && hold[2]))
#else
#define NAME(i) (i)
#define held(n) hold[n]
#endif

/* The orders. */
mtype order[2];
byte whose[2];                  /* which request it is of */
bool admitted[2];
#define live ((order[0] == unpaid) + (order[1] == unpaid))

/* What a replica has in memory. */
bool alive[2];
byte diedAt[2];
byte spare[2];                  /* units of its lot that are promised to nobody */
byte unnamed[2];                /* the request that was let in on its lot and is not held yet, or NOBODY */
byte letIn[2];                  /* when, as its hold will say */

byte busy;                      /* requests that are not over */

/* What a replica writes as the time of a hold: not earlier than it is. R_TIME */
#ifdef CLOCK_BELIEVED
#define stamp(r) (now - (now > 0 && ahead[r] == 0))
#else
#define stamp(r) (now + ahead[r])
#endif
#define earliest(l) (now - behind[l])

/* R_SHARE: the unit is there already. R_HOLD: one write takes it. */
inline take(i, time) {
  if :: held(NAME(i)) -> skip :: else -> own[NAME(i)] = 1 fi;
  hold[i] = 1; since[i] = time
}

/* R_GIVE_BACK: only when nobody shares it. */
inline drop(i) {
  hold[i] = 0; since[i] = 0;
#ifdef SHARED_WRONGLY
  own[NAME(i)] = 0
#else
  if :: held(NAME(i)) -> skip :: else -> own[NAME(i)] = 0 fi
#endif
}

/* One create of an order. */
proctype Request(byte me; byte n; byte r) {
  byte begun;
  bool mine = false;
end:
  atomic { now <= LAST_BEGIN -> begun = now; busy++ };
  /* R_LOT: no write before the answer. R_SHARE, R_HOLD: one write. */
  if
  :: atomic { !alive[r] || now > begun + LIMIT -> goto over }
  :: atomic { order[n] != none -> goto over }                       /* R_NAME: it exists, which a live look shows */
  :: atomic { alive[r] && spare[r] > 0 && unnamed[r] == NOBODY && now <= begun + LIMIT ->
      spare[r]--; unnamed[r] = me; letIn[r] = stamp(r) }
  :: atomic { alive[r] && !held(n) && available < 1 -> goto over }
  :: atomic { alive[r] && (held(n) || available >= 1) && now <= begun + LIMIT ->
      take(me, stamp(r)); mine = true }
  fi;
  if
  :: goto refused                                                   /* another webhook, a quota; our answer is lost or late */
  :: atomic { order[n] == none && now <= begun + LIMIT ->           /* stored, however late within the limit */
      order[n] = stored; whose[n] = me; admitted[n] = true }
  :: atomic { order[n] != none || now > begun + LIMIT -> skip }     /* 409: the name was taken meanwhile; or too late */
  fi;
  goto over;
refused:
  if
  :: atomic { mine && alive[r] && hold[me] -> drop(me) }
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
      :: held(NAME(unnamed[r])) -> spare[r]++                       /* its name is held already: the unit stays in the lot */
      :: else -> lot[r]--
      fi;
      take(unnamed[r], letIn[r]);
      unnamed[r] = NOBODY; letIn[r] = 0 }
  :: atomic { alive[r] && spare[r] > 0 -> lot[r]--; spare[r]-- }    /* given back: the crowd is over */
  :: atomic { alive[r] && now <= LAST_DEATH -> alive[r] = false; diedAt[r] = now; spare[r] = 0; unnamed[r] = NOBODY; letIn[r] = 0; goto dead }
  od;
dead:
  skip
}

#define fenced (term > me + 1)
#define inUse ((alive[0] && lot[0] > 0) || (alive[1] && lot[1] > 0))

/* What this leader knows of the orders. An order that it saw go is counted by nobody any more. */
inline look(n) {
  if :: seen[n] != none && (order[n] == none || whose[n] != seenWhose[n]) -> goneFor[seenWhose[n]] = 1 :: else fi;
  seen[n] = order[n];
  if :: order[n] == none -> seenWhose[n] = 0 :: else -> seenWhose[n] = whose[n] fi
}

inline follow(n) {
  atomic { (seen[n] != order[n] || (order[n] != none && seenWhose[n] != whose[n])) -> look(n) }
}

#define sees(n, state) (seen[n] == state && order[n] == state && whose[n] == seenWhose[n])

inline accept(n) {
  /* R_ACCEPT: a hold is seen, then the state is stored; nothing drops that hold in between. */
  atomic { seen[n] == stored && hold[seenWhose[n]] -> skip };
  atomic {
    if :: sees(n, stored) -> order[n] = unpaid; assert(live <= STOCK) :: else fi;
    look(n)
  }
}

inline late(n) {
  /* R_LATE: no hold. Out of a lot that its replica left, or out of what is available, or it goes without. */
  atomic { sees(n, stored) && !hold[whose[n]] && !inUse -> skip };
  if
  :: atomic { !sees(n, stored) || hold[whose[n]] -> skip }
  :: atomic { sees(n, stored) && !hold[whose[n]] && held(n) -> take(whose[n], now) }
  :: atomic { sees(n, stored) && !held(n) && admitted[n] && !alive[0] && lot[0] > 0 -> take(whose[n], now);
#ifndef LOT_TWICE
      lot[0]--
#endif
    }
  :: atomic { sees(n, stored) && !held(n) && admitted[n] && !alive[1] && lot[1] > 0 -> take(whose[n], now);
#ifndef LOT_TWICE
      lot[1]--
#endif
    }
  :: atomic { sees(n, stored) && !held(n) && available >= 1 -> take(whose[n], now) }
  :: atomic { sees(n, stored) && !held(n) && available < 1 && !inUse && !(admitted[n] && lot[0] + lot[1] > 0) ->
      assert(!admitted[n]); order[n] = rejected; seen[n] = rejected }
  fi
}

#define isDone(i) (hold[i] && (goneFor[i] || (seenWhose[NAME(i)] == i && (seen[NAME(i)] == unpaid || seen[NAME(i)] == rejected))))
#define ofOrder(n) (seen[n] == unpaid)

/* R_RAISE: the holds of a name take what its order does not have, in the write that counts the order, or no longer. */
#ifdef NOT_RAISED
#define share(n) own[n] = own[n] && held(n) && !ofOrder(n)
#else
#define share(n) own[n] = held(n) && !ofOrder(n)
#endif

inline settle() {
  /* R_SETTLE: what the orders add up to, and the holds that are in it go, in one write, under the term. */
  atomic {
    (sold[0] != ofOrder(0) || sold[1] != ofOrder(1) || (own[0] && sold[0]) || (own[1] && sold[1])
      || isDone(0) || isDone(1) || isDone(2)) ->
    if
    :: fenced -> goto over
    :: else ->
      if :: isDone(0) -> hold[0] = 0; since[0] = 0 :: else fi;
      if :: isDone(1) -> hold[1] = 0; since[1] = 0 :: else fi;
      if :: isDone(2) -> hold[2] = 0; since[2] = 0 :: else fi;
      sold[0] = ofOrder(0); sold[1] = ofOrder(1);
      share(0); share(1);
      assert(available >= 0)
    fi
  }
}

inline lapse(i) {
  /* R_LAPSE: past its limit by the leader's earliest time, and a live look finds no such order. */
#ifdef FREED_EARLY
  atomic { hold[i] && !(seen[NAME(i)] != none && seenWhose[NAME(i)] == i) -> was = 1 };
#else
  atomic { hold[i] && !(seen[NAME(i)] != none && seenWhose[NAME(i)] == i) && earliest(me) > since[i] + LIMIT -> was = 1 };
#endif
  if
  :: atomic { order[NAME(i)] != none && whose[NAME(i)] == i -> was = 0; look(NAME(i)) }
  :: atomic { order[NAME(i)] == none || whose[NAME(i)] != i -> skip };
    atomic {
      if
      :: fenced -> goto over
      :: else -> if :: hold[i] -> drop(i) :: else fi
      fi;
      was = 0
    }
  fi
}

inline lot_left(r) {
  /* R_LOT_LEFT: its replica is dead so long that all it let in are stored or never will be, and each of them has its unit. */
  atomic { !alive[r] && lot[r] > 0 && now > diedAt[r] + LIMIT -> look(0); look(1) };
  atomic {
    if
    :: fenced -> goto over
    :: else ->
      if :: (seen[0] == stored && !hold[seenWhose[0]]) || (seen[1] == stored && !hold[seenWhose[1]]) -> skip
         :: else -> lot[r] = 0; diedAt[r] = 0
      fi
    fi
  }
}

proctype Leader(byte me) {
  mtype seen[2];
  byte seenWhose[2];
  bool goneFor[3];
  bool was;
  seen[0] = none; seen[1] = none;
  /* The second may begin at any time, and the first does not hear of it. */
  atomic { look(0); look(1) };
  atomic { if :: fenced -> goto over :: else -> term = me + 1 fi };  /* R_CLAIM */
#ifndef NO_LIST
  atomic { look(0); look(1) };                                       /* R_LIST: after the claim */
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
#if REQUESTS > 2
  :: lapse(2)
#endif
  :: lot_left(0)
  :: lot_left(1)
  od;
over:
  skip
}

/* Its buyer deletes an order: then its unit comes back, and its name is free. */
proctype Cancel() {
end:
  atomic { order[0] == unpaid -> order[0] = none; whose[0] = 0; admitted[0] = false }
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
  assert(!hold[0] && !hold[1] && !hold[2]);
  assert(own[0] + own[1] + lot[0] + lot[1] == 0);
  assert(sold[0] + sold[1] == live);
  assert(available == STOCK - live)
}

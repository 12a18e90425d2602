// A Kafka broker for tests of autoscaling: one topic, and a consumer group whose lag is what the test wants.
//
//	kafka ADDRESS TOPIC PARTITIONS GROUP
//
// ADDRESS is what clients connect to (host:9092); it listens on the same port. Over HTTP, on :8080:
// POST /produce?n=20 writes records to every partition, POST /consume commits the group to the end of the topic.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	address, topic, group := os.Args[1], os.Args[2], os.Args[4]
	partitions, err := strconv.Atoi(os.Args[3])
	check(err)
	host, port, err := net.SplitHostPort(address)
	check(err)
	number, err := strconv.Atoi(port)
	check(err)
	// The broker tells its clients the address that it listens on, so the name has to be one of this pod.
	broker, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(number),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			listener, err := net.Listen(network, ":"+port)
			return named{listener, host, number}, err
		}),
		kfake.SeedTopics(int32(partitions), topic),
	)
	check(err)
	defer broker.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:"+port), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	check(err)
	admin := kadm.NewClient(client)
	commit := func(offsets kadm.ListedOffsets, err error) error {
		if err != nil {
			return err
		}
		return admin.CommitAllOffsets(context.Background(), group, offsets.Offsets())
	}
	check(commit(admin.ListStartOffsets(context.Background(), topic)))

	http.HandleFunc("POST /produce", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		for i := 0; err == nil && i < n*partitions; i++ {
			record := &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte("order")}
			err = client.ProduceSync(r.Context(), record).FirstErr()
		}
		answer(w, err)
	})
	http.HandleFunc("POST /consume", func(w http.ResponseWriter, r *http.Request) {
		answer(w, commit(admin.ListEndOffsets(r.Context(), topic)))
	})
	check(http.ListenAndServe(":8080", nil))
}

// A listener that says another address than it listens on.
type named struct {
	net.Listener
	host string
	port int
}

type name struct{ text string }

func (n name) Network() string { return "tcp" }
func (n name) String() string  { return n.text }

func (l named) Addr() net.Addr { return name{net.JoinHostPort(l.host, strconv.Itoa(l.port))} }

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, "ok")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A web server for the workloads of tests: it answers every request, counts them for Prometheus, and ends when it is told.
// GET /busy keeps a processor busy for 50 ms. Each argument is an address to listen on; without one, :8080.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	var requests atomic.Uint64
	host, _ := os.Hostname()
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE http_requests_total counter\nhttp_requests_total %d\n", requests.Load())
		fmt.Fprintf(w, "# TYPE http_server_requests_seconds_count counter\nhttp_server_requests_seconds_count %d\n", requests.Load())
	})
	mux.HandleFunc("/busy", func(http.ResponseWriter, *http.Request) {
		for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		fmt.Fprintln(w, host)
	})

	addresses := os.Args[1:]
	if len(addresses) == 0 {
		addresses = []string{":8080"}
	}
	failed := make(chan error)
	for _, address := range addresses {
		server := &http.Server{Addr: address, Handler: mux}
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			server.Shutdown(ctx)
		}()
		go func() { failed <- server.ListenAndServe() }()
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	select {
	case err := <-failed:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case <-stop.Done():
	}
}

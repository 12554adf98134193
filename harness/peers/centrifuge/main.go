// Fans out the records of a Kafka topic to WebSocket clients with Centrifuge, the library that Centrifugo is built on: what
// distribution is compared with. Every record is a publication in the channel that its key names. docs/peers.md says why it is
// set as it is.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8000", "where clients connect, and /readyz and /metrics answer")
	brokers := flag.String("kafka", "127.0.0.1:9092", "Kafka's bootstrap server")
	topic := flag.String("topic", "", "the topic whose records are published, from now on")
	flag.Parse()
	if err := serve(*listen, *brokers, *topic); err != nil {
		log.Fatal(err)
	}
}

func serve(listen, brokers, topic string) error {
	node, err := newNode()
	if err != nil {
		return err
	}
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(brokers),
		kgo.ConsumeTopics(topic),
		// The end, as of now: it is asked for when this process is long ready.
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(time.Now().UnixMilli())),
	)
	if err != nil {
		return err
	}
	go publish(node, consumer)

	http.Handle("/connection/websocket", anonymous(centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		UseWriteBufferPool: true,
	})))
	http.Handle("/metrics", promhttp.Handler())
	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := consumer.Ping(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return http.ListenAndServe(listen, nil)
}

// newNode makes a node whose clients may subscribe to every channel.
func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
	})
	return node, node.Run()
}

// publish reads records for as long as the process lives.
func publish(node *centrifuge.Node, consumer *kgo.Client) {
	for {
		fetches := consumer.PollFetches(context.Background())
		for _, failed := range fetches.Errors() {
			if errors.Is(failed.Err, kgo.ErrClientClosed) {
				return
			}
			log.Printf("reading %s: %v", failed.Topic, failed.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if _, err := node.Publish(string(record.Key), record.Value); err != nil {
				log.Fatalf("publishing: %v", err)
			}
		})
	}
}

// anonymous lets everybody in.
func anonymous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := centrifuge.SetCredentials(r.Context(), &centrifuge.Credentials{UserID: ""})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

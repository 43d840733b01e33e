// What programs in Go do with Kafka, on the broker that is the first argument, under names that begin with the second.
// Ends with an error where it differs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const count = 200

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	kafkaGo(ctx, os.Args[1], os.Args[2]+"-kafka-go")
	franzGo(ctx, os.Args[1], os.Args[2]+"-franz-go")
	fmt.Println("all is as on Kafka")
}

func check(err error, what string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func value(n int) []byte { return []byte(fmt.Sprintf("value %d", n)) }

// segmentio/kafka-go makes its topic by writing to it, and reads it alone and in a group.
func kafkaGo(ctx context.Context, address, topic string) {
	writer := kafka.Writer{
		Addr:                   kafka.TCP(address),
		Topic:                  topic,
		Compression:            kafka.Snappy,
		BatchTimeout:           5 * time.Millisecond,
		AllowAutoTopicCreation: true,
	}
	messages := make([]kafka.Message, count)
	for n := range messages {
		messages[n].Value = value(n)
	}
	// Kafka makes the topic, and this client tries again.
	for {
		err := writer.WriteMessages(ctx, messages...)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			check(err, "kafka-go writes")
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(writer.Close(), "kafka-go closes its writer")
	// Its client fetches with an epoch of -1 and a session id of -1.
	client := kafka.Client{Addr: kafka.TCP(address)}
	fetched, err := client.Fetch(ctx, &kafka.FetchRequest{Topic: topic, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
	check(err, "kafka-go fetches")
	check(fetched.Error, "kafka-go fetches")
	record, err := fetched.Records.ReadRecord()
	check(err, "kafka-go fetches")
	first, err := io.ReadAll(record.Value)
	check(err, "kafka-go fetches")
	if string(first) != string(value(0)) {
		check(fmt.Errorf("%q instead of %q", first, value(0)), "kafka-go fetches")
	}
	for _, group := range []string{"", topic} {
		reader := kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{address}, Topic: topic, GroupID: group, StartOffset: kafka.FirstOffset, MaxWait: 100 * time.Millisecond,
		})
		for n := 0; n < count; n++ {
			message, err := reader.ReadMessage(ctx)
			check(err, "kafka-go reads")
			if string(message.Value) != string(value(n)) {
				check(fmt.Errorf("%q instead of %q", message.Value, value(n)), "kafka-go reads")
			}
		}
		check(reader.Close(), "kafka-go closes its reader")
	}
}

// franz-go makes its topic by writing to it, reads it by a pattern in a group, and describes it.
func franzGo(ctx context.Context, address, topic string) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation(),
		kgo.TransactionalID(topic))
	check(err, "franz-go")
	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		check(producer.BeginTransaction(), "franz-go begins")
		for n := 0; n < count; n++ {
			producer.Produce(ctx, kgo.StringRecord(string(value(n))), func(_ *kgo.Record, err error) { check(err, "franz-go writes") })
		}
		check(producer.Flush(ctx), "franz-go flushes")
		check(producer.EndTransaction(ctx, end), "franz-go ends")
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+topic+".*"),
		kgo.ConsumerGroup(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	check(err, "franz-go")
	seen := 0
	for seen < count {
		fetches := consumer.PollFetches(ctx)
		check(fetches.Err(), "franz-go reads")
		seen += fetches.NumRecords()
	}
	check(consumer.CommitUncommittedOffsets(ctx), "franz-go commits")
	consumer.Close()
	admin := kadm.NewClient(producer)
	topics, err := admin.ListTopics(ctx)
	check(err, "kadm lists topics")
	if !topics.Has(topic) || topics[topic].Err != nil {
		check(fmt.Errorf("no %s", topic), "kadm lists topics")
	}
	lags, err := admin.Lag(ctx, topic)
	check(err, "kadm describes a group")
	check(lags.Error(), "kadm describes a group")
	if lag := lags[topic].Lag.Total(); lag > 1 {
		check(fmt.Errorf("it lags by %d", lag), "kadm describes a group")
	}
	producer.Close()
}

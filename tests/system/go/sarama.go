package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Sarama commits without saying whether that worked, so there are no lines "committed".
type handler struct {
	commitEvery int
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// Runs once for each partition, for as long as it is owned.
func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	name := fmt.Sprintf("%s-%d", claim.Topic(), claim.Partition())
	say("assigned", session.GenerationID(), name)
	count := 0
	commit := func() {
		if count > 0 {
			session.Commit()
		}
		count = 0
	}
	for {
		select {
		case m, more := <-claim.Messages():
			if !more {
				commit()
				say("revoked", name)
				return nil
			}
			sayMessage(m.Topic, m.Partition, m.Offset, m.Key, m.Value)
			session.MarkMessage(m, "")
			if count++; count >= h.commitEvery {
				commit()
			}
		case <-time.After(100 * time.Millisecond):
			commit()
		}
	}
}

func consumeSarama(ctx context.Context, given arguments) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = given.milliseconds("session_ms")
	config.Consumer.Group.Heartbeat.Interval = given.milliseconds("heartbeat_ms")
	config.Consumer.Group.InstanceId = given["instance"]
	config.Metadata.Retry.Max = 100
	config.Metadata.Retry.Backoff = 100 * time.Millisecond
	strategy := sarama.NewBalanceStrategyRange()
	if given["assignor"] == "cooperative" {
		strategy = sarama.NewBalanceStrategyCooperativeSticky()
	}
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	group, err := sarama.NewConsumerGroup([]string{given["bootstrap"]}, given["group"], config)
	if err != nil {
		return err
	}
	go func() {
		for err := range group.Errors() {
			say("error", err)
		}
	}()
	// It returns whenever the member has to join anew.
	for ctx.Err() == nil {
		err := group.Consume(ctx, strings.Split(given["topics"], ","), handler{given.number("commit_every")})
		if err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) {
			say("error", "consume", err)
			time.Sleep(200 * time.Millisecond)
		}
	}
	return group.Close()
}

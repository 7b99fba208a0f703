package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How far each partition was printed, as far as that is still to be committed.
type printed map[string]map[int32]kgo.EpochOffset

func (p printed) commit(client *kgo.Client) {
	if len(p) == 0 {
		return
	}
	// Also when it is told to end.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	failed := errors.New("no answer")
	client.CommitOffsetsSync(ctx, p,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if answer == nil {
				return
			}
			for _, topic := range answer.Topics {
				for _, partition := range topic.Partitions {
					failed = errors.Join(failed, kerr.ErrorForCode(partition.ErrorCode))
				}
			}
		})
	if failed != nil {
		say("error", "commit", failed)
		return
	}
	var offsets []string
	for topic, partitions := range p {
		for number, offset := range partitions {
			offsets = append(offsets, fmt.Sprintf("%s-%d=%d", topic, number, offset.Offset))
		}
	}
	say("committed", strings.Join(offsets, " "))
	clear(p)
}

// These are another's now. What a commit has failed for of the others stays to be committed.
func (p printed) forget(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, number := range numbers {
			delete(p[topic], number)
		}
		if len(p[topic]) == 0 {
			delete(p, topic)
		}
	}
}

func consumeFranz(ctx context.Context, given arguments) error {
	p := printed{}
	options := []kgo.Opt{
		kgo.SeedBrokers(given["bootstrap"]),
		kgo.ConsumerGroup(given["group"]),
		kgo.ConsumeTopics(strings.Split(given["topics"], ",")...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		// So that nothing is printed of a partition that was given back.
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
			_, generation := client.GroupMetadata()
			say("assigned", generation, names(partitions))
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
			p.commit(client)
			p.forget(partitions)
			say("revoked", names(partitions))
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			p.forget(partitions)
			say("lost", names(partitions))
		}),
	}
	if given["instance"] != "" {
		options = append(options, kgo.InstanceID(given["instance"]))
	}
	if given["protocol"] == "consumer" {
		balancer := kgo.StickyBalancer()
		if given["assignor"] == "range" {
			balancer = kgo.RangeBalancer()
		}
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(balancer))
	} else {
		balancer := kgo.RangeBalancer()
		if given["assignor"] == "cooperative" {
			balancer = kgo.CooperativeStickyBalancer()
		}
		options = append(options, kgo.Balancers(balancer),
			kgo.SessionTimeout(given.milliseconds("session_ms")),
			kgo.HeartbeatInterval(given.milliseconds("heartbeat_ms")))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	count := 0
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		fetches := client.PollRecords(wait, 100)
		cancel()
		fetches.EachError(func(topic string, partition int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				say("error", "fetch", topic, partition, err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			sayMessage(r.Topic, r.Partition, r.Offset, r.Key, r.Value)
			if p[r.Topic] == nil {
				p[r.Topic] = map[int32]kgo.EpochOffset{}
			}
			p[r.Topic][r.Partition] = kgo.EpochOffset{Epoch: -1, Offset: r.Offset + 1}
			count++
		})
		if count >= given.number("commit_every") || fetches.NumRecords() == 0 {
			p.commit(client)
			count = 0
		}
		client.AllowRebalance()
	}
	p.commit(client)
	client.CloseAllowingRebalance()
	return nil
}

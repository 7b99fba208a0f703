// A member of a consumer group by a client of Go, franz-go or sarama. Arguments and lines: see members.py.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type arguments map[string]string

func (a arguments) number(name string) int {
	number, err := strconv.Atoi(a[name])
	if err != nil {
		panic(err)
	}
	return number
}

func (a arguments) milliseconds(name string) time.Duration {
	return time.Duration(a.number(name)) * time.Millisecond
}

var output sync.Mutex

// Written at once, and whole lines only: the process may be killed at any moment.
func say(words ...any) {
	output.Lock()
	defer output.Unlock()
	line := strings.TrimSpace(fmt.Sprintln(words...))
	fmt.Fprintf(os.Stdout, "%d %s\n", time.Now().UnixMicro(), strings.ReplaceAll(line, "\n", " "))
}

func sayMessage(topic string, partition int32, offset int64, key, value []byte) {
	text := "-"
	if key != nil {
		text = string(key)
	}
	say("message", topic, partition, offset, text, string(value))
}

func names(partitions map[string][]int32) string {
	var all []string
	for topic, numbers := range partitions {
		for _, number := range numbers {
			all = append(all, fmt.Sprintf("%s-%d", topic, number))
		}
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

func main() {
	given := arguments{}
	for _, word := range os.Args[1:] {
		name, value, _ := strings.Cut(word, "=")
		given[name] = value
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if given["held"] != "" {
		say("ready")
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			panic(err)
		}
	}
	consume := map[string]func(context.Context, arguments) error{"franz-go": consumeFranz, "sarama": consumeSarama}
	if err := consume[given["client"]](ctx, given); err != nil {
		say("error", "ending", err)
		os.Exit(1)
	}
	say("closed")
}

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a consumer group by the Java client, classic or of KIP-848. Arguments and lines: see members.py. */
public final class GroupConsumer implements ConsumerRebalanceListener {
  private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);
  private static volatile boolean running = true;

  private final KafkaConsumer<String, String> consumer;
  private final int commitEvery;
  /** How far each partition was printed, as far as that is still to be committed. */
  private final Map<TopicPartition, OffsetAndMetadata> printed = new HashMap<>();

  private int printedCount;

  private GroupConsumer(Map<String, String> arguments) {
    consumer = new KafkaConsumer<>(settings(arguments), new StringDeserializer(), new StringDeserializer());
    commitEvery = Integer.parseInt(arguments.get("commit_every"));
  }

  public static void main(String[] args) {
    Map<String, String> arguments = new HashMap<>();
    for (String word : args) arguments.put(word.split("=", 2)[0], word.split("=", 2)[1]);
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      running = false;
      try {
        main.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }));
    try {
      new GroupConsumer(arguments).run(List.of(arguments.get("topics").split(",")), arguments.containsKey("held"));
    } catch (IOException | RuntimeException e) {
      say("error ending " + e);
      // The hook waits for this thread.
      if (running) Runtime.getRuntime().halt(1);
    }
  }

  private static Properties settings(Map<String, String> arguments) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments.get("bootstrap"));
    settings.put("group.id", arguments.get("group"));
    settings.put("enable.auto.commit", "false");
    settings.put("auto.offset.reset", "earliest");
    if (arguments.containsKey("instance")) settings.put("group.instance.id", arguments.get("instance"));
    String assignor = arguments.getOrDefault("assignor", "");
    if (arguments.get("protocol").equals("consumer")) {
      settings.put("group.protocol", "consumer");
      if (!assignor.isEmpty()) settings.put("group.remote.assignor", assignor);
    } else {
      Class<?> strategy = assignor.equals("cooperative") ? CooperativeStickyAssignor.class : RangeAssignor.class;
      settings.put("partition.assignment.strategy", strategy.getName());
      settings.put("session.timeout.ms", arguments.get("session_ms"));
      settings.put("heartbeat.interval.ms", arguments.get("heartbeat_ms"));
    }
    return settings;
  }

  private void run(List<String> topics, boolean held) throws IOException {
    if (held) {
      say("ready");
      System.in.read();
    }
    // One that begins so is a pattern, which the broker matches.
    if (topics.get(0).startsWith("^")) consumer.subscribe(new SubscriptionPattern(topics.get(0)), this);
    else consumer.subscribe(topics, this);
    while (running) {
      ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
      for (ConsumerRecord<String, String> one : records) {
        say("message " + one.topic() + " " + one.partition() + " " + one.offset() + " "
            + (one.key() == null ? "-" : one.key()) + " " + one.value());
        printed.put(new TopicPartition(one.topic(), one.partition()), new OffsetAndMetadata(one.offset() + 1));
        printedCount++;
      }
      if (printedCount >= commitEvery || records.isEmpty()) commit();
    }
    commit();
    consumer.close();
    say("closed");
  }

  private void commit() {
    if (printed.isEmpty()) return;
    try {
      consumer.commitSync(Map.copyOf(printed), Duration.ofSeconds(3));
      say("committed " + printed.entrySet().stream()
          .map(one -> one.getKey() + "=" + one.getValue().offset()).collect(Collectors.joining(" ")));
      printed.clear();
      printedCount = 0;
    } catch (KafkaException e) {
      say("error commit " + e);
    }
  }

  /** These are another's now. What a commit has failed for of the others stays to be committed. */
  private void forget(Collection<TopicPartition> partitions) {
    printed.keySet().removeAll(partitions);
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    say("assigned " + consumer.groupMetadata().generationId() + " " + names(partitions));
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    commit();
    forget(partitions);
    say("revoked " + names(partitions));
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> partitions) {
    forget(partitions);
    say("lost " + names(partitions));
  }

  private static String names(Collection<TopicPartition> partitions) {
    return partitions.stream().map(TopicPartition::toString).collect(Collectors.joining(" "));
  }

  private static void say(String line) {
    OUT.println(ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()) + " " + line.replace('\n', ' '));
    // Whole lines only: the process may be killed at any moment.
    OUT.flush();
  }
}

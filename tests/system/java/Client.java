import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The Java client with its default settings, told what to do on the command line.
 *
 * <p>Messages travel over standard input and output, one a line: partition, timestamp, key, value and headers
 * (name=value,...), apart by tabs. Bytes are hex, null is "-". What is consumed has topic and offset in front.
 */
public final class Client {
  private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  private Client() {}

  public static void main(String[] args) throws Exception {
    String servers = args[1];
    switch (args[0]) {
      case "create" -> create(servers, args[2], Integer.parseInt(args[3]));
      case "produce" -> produce(servers, args[2], args[3]);
      case "consume" -> consume(servers, List.of(args).subList(2, args.length));
      case "stream" -> stream(servers, args[2], Integer.parseInt(args[3]));
      default -> throw new IllegalArgumentException(args[0]);
    }
    OUT.flush();
  }

  private static Properties common(String servers) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", servers);
    return properties;
  }

  private static void create(String servers, String topic, int partitions) throws Exception {
    try (Admin admin = Admin.create(common(servers))) {
      admin.createTopics(List.of(new NewTopic(topic, partitions, (short) -1))).all().get();
      int found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
      if (found != partitions) throw new IllegalStateException(found + " partitions");
    }
  }

  private static KafkaProducer<byte[], byte[]> producer(Properties properties) {
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Sends the messages of standard input; each must be acknowledged. */
  private static void produce(String servers, String topic, String codec) throws Exception {
    Properties properties = common(servers);
    properties.put("compression.type", codec);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = producer(properties)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] fields = line.split("\t", -1);
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(
                topic, Integer.valueOf(fields[0]), Long.valueOf(fields[1]), bytes(fields[2]), bytes(fields[3]));
        if (!fields[4].isEmpty()) {
          for (String header : fields[4].split(",")) {
            int equals = header.indexOf('=');
            record.headers().add(header.substring(0, equals), bytes(header.substring(equals + 1)));
          }
        }
        sent.add(producer.send(record));
      }
      producer.flush();
      for (Future<RecordMetadata> one : sent) OUT.println(one.get().offset());
    }
  }

  /** Prints all messages of the topics, whose partitions it assigns to itself. */
  private static void consume(String servers, List<String> topics) throws IOException {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(common(servers), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (String topic : topics) {
        for (PartitionInfo info : consumer.partitionsFor(topic)) {
          partitions.add(new TopicPartition(topic, info.partition()));
        }
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        if (System.nanoTime() > deadline) throw new IOException("the ends " + ends + " were not reached");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) print(record);
      }
    }
  }

  private static void print(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder headers = new StringBuilder();
    for (Header header : record.headers()) {
      if (headers.length() > 0) headers.append(',');
      headers.append(header.key()).append('=').append(hex(header.value()));
    }
    OUT.println(
        record.topic() + "\t" + record.offset() + "\t" + record.partition() + "\t" + record.timestamp()
            + "\t" + hex(record.key()) + "\t" + hex(record.value()) + "\t" + headers);
  }

  /**
   * Sends the numbers 0, 1, 2, ... round the partitions until a line comes on standard input, and prints
   * "partition offset number" for each that is acknowledged. A failed send ends the program.
   */
  private static void stream(String servers, String topic, int partitions) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(common(servers))) {
      for (long number = 0; System.in.available() == 0; number++) {
        int partition = (int) (number % partitions);
        String value = Long.toString(number);
        producer.send(
            new ProducerRecord<>(topic, partition, null, value.getBytes(StandardCharsets.UTF_8)),
            (metadata, error) -> {
              if (error != null) {
                System.err.println("send failed: " + error);
                Runtime.getRuntime().halt(3);
              }
              OUT.println(partition + " " + metadata.offset() + " " + value);
            });
        if (number % 20 == 0) Thread.sleep(1);
      }
    }
  }

  private static byte[] bytes(String hex) {
    return hex.equals("-") ? null : HexFormat.of().parseHex(hex);
  }

  private static String hex(byte[] bytes) {
    return bytes == null ? "-" : HexFormat.of().formatHex(bytes);
  }
}

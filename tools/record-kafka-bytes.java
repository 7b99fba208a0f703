// Writes tests/reference/kafka-bytes.json: messages of groups as Kafka's own classes encode them. Of what stands here
// no other client has an encoder. Run once, from the project's folder, with the jars of tools/install-test-clients:
//     java -cp 'build/test-jars/*' tools/record-kafka-bytes.java
// Each entry holds a message, a version, its bytes in hex and the values that went in, by the protocol's names, as far
// as that version has them. Requests are whole frames; records and consumers' bytes have their int16 in front.
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.*;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.RequestHeader;

class RecordKafkaBytes {
    static final String RELEASE = "4.4.0";
    static final String CLIENT_ID = "recorder";
    static final String COMMON = "org.apache.kafka.common.message.";
    static final String STORED = "org.apache.kafka.coordinator.group.generated.";
    static final ObjectMapper JSON = new ObjectMapper().enable(JsonParser.Feature.ALLOW_COMMENTS);
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    // The message, its first and last version, and values. Every field is there; a tag only where it is not the default.
    record Sample(String name, int first, int last, String values) {}

    static final String ID = "00112233445566778899aabbccddeeff";
    static final String OTHER_ID = "000000000000000000000000000000ff";

    static final List<Sample> SAMPLES = List.of(
        new Sample("ConsumerGroupHeartbeatRequest", 0, 1, """
            {"GroupId": "grüppe", "MemberId": "member-1", "MemberEpoch": 0, "InstanceId": "instance-1", "RackId": "€",
             "RebalanceTimeoutMs": 300000, "SubscribedTopicNames": ["orders", "über"], "SubscribedTopicRegex": "o.*",
             "ServerAssignor": "uniform", "TopicPartitions": [
                {"TopicId": "%s", "Partitions": [0, 65536]}, {"TopicId": "%s", "Partitions": []}]}"""),
        new Sample("ConsumerGroupHeartbeatRequest", 0, 1, """
            {"GroupId": "group", "MemberId": "member-1", "MemberEpoch": -2, "InstanceId": null, "RackId": null,
             "RebalanceTimeoutMs": -1, "SubscribedTopicNames": null, "SubscribedTopicRegex": null,
             "ServerAssignor": null, "TopicPartitions": null}"""),
        new Sample("ConsumerGroupDescribeRequest", 0, 1, """
            {"GroupIds": ["group", "grüppe"], "IncludeAuthorizedOperations": true}"""),
        new Sample("ConsumerGroupHeartbeatResponse", 0, 1, """
            {"ThrottleTimeMs": 16909060, "ErrorCode": 0, "ErrorMessage": null, "MemberId": "member-1", "MemberEpoch": 7,
             "HeartbeatIntervalMs": 5000, "Assignment": {"TopicPartitions": [
                {"TopicId": "%s", "Partitions": [0, 65536]}, {"TopicId": "%s", "Partitions": []}]}}"""),
        new Sample("ConsumerGroupHeartbeatResponse", 0, 1, """
            {"ThrottleTimeMs": 0, "ErrorCode": 110, "ErrorMessage": "€", "MemberId": null, "MemberEpoch": -1,
             "HeartbeatIntervalMs": 0, "Assignment": null}"""),
        new Sample("ConsumerGroupDescribeResponse", 0, 1, """
            {"ThrottleTimeMs": 1, "Groups": [
                {"ErrorCode": 0, "ErrorMessage": null, "GroupId": "grüppe", "GroupState": "Stable", "GroupEpoch": 8,
                 "AssignmentEpoch": 16909060, "AssignorName": "uniform", "AuthorizedOperations": 3400, "Members": [
                    {"MemberId": "member-1", "InstanceId": "instance-1", "RackId": "rack", "MemberEpoch": 9,
                     "ClientId": "c", "ClientHost": "/127.0.0.1", "SubscribedTopicNames": ["orders"],
                     "SubscribedTopicRegex": "o.*", "MemberType": 1,
                     "Assignment": {"TopicPartitions": [
                        {"TopicId": "%s", "TopicName": "orders", "Partitions": [0, 65536]}]},
                     "TargetAssignment": {"TopicPartitions": [
                        {"TopicId": "%s", "TopicName": "über", "Partitions": []}]}},
                    {"MemberId": "member-2", "InstanceId": null, "RackId": null, "MemberEpoch": 0,
                     "ClientId": "", "ClientHost": "", "SubscribedTopicNames": [], "SubscribedTopicRegex": null,
                     "MemberType": 0, "Assignment": {"TopicPartitions": []},
                     "TargetAssignment": {"TopicPartitions": []}}]},
                {"ErrorCode": 69, "ErrorMessage": "€", "GroupId": "", "GroupState": "", "GroupEpoch": 0,
                 "AssignmentEpoch": 0, "AssignorName": "", "AuthorizedOperations": -2147483648, "Members": []}]}"""),

        new Sample("ConsumerProtocolSubscription", 0, 3, """
            {"Topics": ["orders", "über"], "UserData": "010203", "OwnedPartitions": [
                {"Topic": "orders", "Partitions": [0, 65536]}, {"Topic": "über", "Partitions": []}],
             "GenerationId": 16909060, "RackId": "€"}"""),
        new Sample("ConsumerProtocolSubscription", 0, 3, """
            {"Topics": [], "UserData": null, "OwnedPartitions": [], "GenerationId": -1, "RackId": null}"""),
        new Sample("ConsumerProtocolAssignment", 0, 3, """
            {"AssignedPartitions": [{"Topic": "orders", "Partitions": [0, 65536]}, {"Topic": "über", "Partitions": []}],
             "UserData": "010203"}"""),
        new Sample("ConsumerProtocolAssignment", 0, 3, """
            {"AssignedPartitions": [], "UserData": null}"""),

        new Sample("LegacyOffsetCommitKey", 0, 0, """
            {"group": "grüppe", "topic": "orders", "partition": 16909060}"""),
        new Sample("LegacyOffsetCommitValue", 0, 0, """
            {"offset": 72623859790382856, "metadata": "€", "commitTimestamp": 1700000000123}"""),
        new Sample("OffsetCommitKey", 0, 0, """
            {"group": "grüppe", "topic": "orders", "partition": 16909060}"""),
        new Sample("OffsetCommitValue", 0, 4, """
            {"offset": 72623859790382856, "leaderEpoch": 9, "metadata": "€", "commitTimestamp": 1700000000123,
             "expireTimestamp": 1700000000456, "topicId": "%s"}"""),
        new Sample("OffsetCommitValue", 0, 4, """
            {"offset": 0, "leaderEpoch": -1, "metadata": "", "commitTimestamp": 0, "expireTimestamp": -1}"""),
        new Sample("GroupMetadataKey", 0, 0, """
            {"group": "grüppe"}"""),
        new Sample("GroupMetadataValue", 0, 4, """
            {"protocolType": "consumer", "generation": 16909060, "protocol": "range", "leader": "member-1",
             "currentStateTimestamp": 1700000000123, "members": [
                {"memberId": "member-1", "groupInstanceId": "instance-1", "clientId": "c", "clientHost": "/127.0.0.1",
                 "rebalanceTimeout": 300000, "sessionTimeout": 45000, "subscription": "010203", "assignment": "04"},
                {"memberId": "member-2", "groupInstanceId": null, "clientId": "€", "clientHost": "",
                 "rebalanceTimeout": -1, "sessionTimeout": 6000, "subscription": "", "assignment": ""}]}"""),
        new Sample("GroupMetadataValue", 0, 4, """
            {"protocolType": "", "generation": 0, "protocol": null, "leader": null, "currentStateTimestamp": -1,
             "members": []}"""),

        new Sample("ConsumerGroupMetadataKey", 0, 0, """
            {"GroupId": "grüppe"}"""),
        new Sample("ConsumerGroupMetadataValue", 0, 0, """
            {"Epoch": 16909060, "MetadataHash": -72623859790382856}"""),
        new Sample("ConsumerGroupMetadataValue", 0, 0, """
            {"Epoch": 0}"""),
        new Sample("ConsumerGroupPartitionMetadataKey", 0, 0, """
            {"GroupId": "grüppe"}"""),
        new Sample("ConsumerGroupPartitionMetadataValue", 0, 0, """
            {"Topics": [{"TopicId": "%s", "TopicName": "orders", "NumPartitions": 16909060, "PartitionMetadata": [
                {"Partition": 65536, "Racks": ["a", "€"]}, {"Partition": 0, "Racks": []}]},
                        {"TopicId": "%s", "TopicName": "über", "NumPartitions": 0, "PartitionMetadata": []}]}"""),
        new Sample("ConsumerGroupMemberMetadataKey", 0, 0, """
            {"GroupId": "grüppe", "MemberId": "member-1"}"""),
        new Sample("ConsumerGroupMemberMetadataValue", 0, 0, """
            {"InstanceId": "instance-1", "RackId": "€", "ClientId": "c", "ClientHost": "/127.0.0.1",
             "SubscribedTopicNames": ["orders", "über"], "SubscribedTopicRegex": "o.*", "RebalanceTimeoutMs": 300000,
             "ServerAssignor": "range", "ClassicMemberMetadata": {"SessionTimeoutMs": 45000, "SupportedProtocols": [
                {"Name": "range", "Metadata": "010203"}, {"Name": "roundrobin", "Metadata": ""}]}}"""),
        new Sample("ConsumerGroupMemberMetadataValue", 0, 0, """
            {"InstanceId": null, "RackId": null, "ClientId": "", "ClientHost": "", "SubscribedTopicNames": [],
             "SubscribedTopicRegex": null, "RebalanceTimeoutMs": -1, "ServerAssignor": null}"""),
        new Sample("ConsumerGroupTargetAssignmentMetadataKey", 0, 0, """
            {"GroupId": "grüppe"}"""),
        new Sample("ConsumerGroupTargetAssignmentMetadataValue", 0, 0, """
            {"AssignmentEpoch": 16909060, "AssignmentTimestamp": 1700000000123}"""),
        new Sample("ConsumerGroupTargetAssignmentMetadataValue", 0, 0, """
            {"AssignmentEpoch": 0}"""),
        new Sample("ConsumerGroupTargetAssignmentMemberKey", 0, 0, """
            {"GroupId": "grüppe", "MemberId": "member-1"}"""),
        new Sample("ConsumerGroupTargetAssignmentMemberValue", 0, 0, """
            {"TopicPartitions": [
                {"TopicId": "%s", "Partitions": [0, 65536]}, {"TopicId": "%s", "Partitions": []}]}"""),
        new Sample("ConsumerGroupCurrentMemberAssignmentKey", 0, 0, """
            {"GroupId": "grüppe", "MemberId": "member-1"}"""),
        new Sample("ConsumerGroupCurrentMemberAssignmentValue", 0, 0, """
            {"MemberEpoch": 16909060, "PreviousMemberEpoch": 16909059, "State": 1, "AssignedPartitions": [
                {"TopicId": "%s", "Partitions": [0, 65536], "AssignmentEpochs": [7, 65537]}],
             "PartitionsPendingRevocation": [{"TopicId": "%s", "Partitions": [3]}]}"""),
        new Sample("ConsumerGroupRegularExpressionKey", 0, 0, """
            {"GroupId": "grüppe", "RegularExpression": "o.*"}"""),
        new Sample("ConsumerGroupRegularExpressionValue", 0, 0, """
            {"Topics": ["orders", "über"], "Version": 72623859790382856, "Timestamp": 1700000000123}"""));

    static boolean has(JsonNode field, String key, int version) {
        String range = field.path(key).asText("none");
        if (range.equals("none")) return false;
        if (range.endsWith("+")) return version >= Integer.parseInt(range.substring(0, range.length() - 1));
        String[] ends = range.split("-");
        return version >= Integer.parseInt(ends[0]) && version <= Integer.parseInt(ends[ends.length - 1]);
    }

    // What of `values` exists in a version: under the protocol's names, or as Kafka's converters want it.
    static JsonNode inVersion(JsonNode fields, JsonNode common, JsonNode values, int version, boolean named) {
        if (values.isNull()) return values;
        ObjectNode kept = NODES.objectNode();
        for (JsonNode field : fields) {
            String name = field.get("name").asText();
            boolean tagged = has(field, "taggedVersions", version);
            if (!has(field, "versions", version) || tagged && !values.has(name)) continue;
            if (!values.has(name)) throw new IllegalArgumentException("no value of " + name);
            String type = field.get("type").asText();
            boolean array = type.startsWith("[]");
            String one = array ? type.substring(2) : type;
            JsonNode inner = field.get("fields");
            for (JsonNode structure : common)
                if (structure.get("name").asText().equals(one)) inner = structure.get("fields");
            JsonNode value = values.get(name), out;
            if (array && !value.isNull()) {
                ArrayNode items = NODES.arrayNode();
                for (JsonNode item : value) items.add(single(one, inner, common, item, version, named));
                out = items;
            } else {
                out = single(one, inner, common, value, version, named);
            }
            kept.set(named ? name : Character.toLowerCase(name.charAt(0)) + name.substring(1), out);
        }
        return kept;
    }

    static JsonNode single(String type, JsonNode fields, JsonNode common, JsonNode value, int version, boolean named) {
        if (fields != null) return inVersion(fields, common, value, version, named);
        if (named || value.isNull()) return value;
        byte[] bytes = type.equals("bytes") || type.equals("uuid") ? HexFormat.of().parseHex(value.asText()) : null;
        if (type.equals("bytes")) return NODES.binaryNode(bytes);
        if (type.equals("uuid")) {
            ByteBuffer halves = ByteBuffer.wrap(bytes);
            return NODES.textNode(new Uuid(halves.getLong(), halves.getLong()).toString());
        }
        return value;
    }

    static byte[] bytesOf(String name, Message message, short version) {
        if (name.startsWith("ConsumerProtocol")) return MessageUtil.toVersionPrefixedBytes(version, message);
        if (name.endsWith("Key")) return MessageUtil.toCoordinatorTypePrefixedBytes((ApiMessage) message);
        if (name.endsWith("Value")) return MessageUtil.toVersionPrefixedBytes(version, message);
        return MessageUtil.toByteBufferAccessor(message, version).buffer().array();
    }

    static byte[] framed(ApiKeys api, short version, int correlationId, byte[] body) {
        RequestHeader header = new RequestHeader(api, version, CLIENT_ID, correlationId);
        byte[] head = MessageUtil.toByteBufferAccessor(header.data(), header.headerVersion()).buffer().array();
        return ByteBuffer.allocate(4 + head.length + body.length).putInt(head.length + body.length).put(head).put(body)
            .array();
    }

    public static void main(String[] arguments) throws Exception {
        String jar = ApiKeys.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        if (!jar.endsWith("kafka-clients-" + RELEASE + ".jar")) throw new IllegalStateException("not " + jar);
        List<String> requests = new ArrayList<>(), messages = new ArrayList<>();
        for (Sample sample : SAMPLES) {
            JsonNode shape = JSON.readTree(Path.of("tests/reference/shapes", sample.name + ".json").toFile());
            JsonNode values = JSON.readTree(sample.values.formatted(ID, OTHER_ID));
            boolean api = sample.name.endsWith("Request") || sample.name.endsWith("Response");
            boolean common = api || sample.name.startsWith("ConsumerProtocol");
            Class<?> converter =
                Class.forName((common ? COMMON : STORED) + sample.name + (api ? "Data" : "") + "JsonConverter");
            for (int v = sample.first; v <= sample.last; v++) {
                short version = (short) v;
                JsonNode structures = shape.path("commonStructs");
                JsonNode named = inVersion(shape.get("fields"), structures, values, v, true);
                JsonNode wanted = inVersion(shape.get("fields"), structures, values, v, false);
                Message message = (Message) converter.getMethod("read", JsonNode.class, short.class)
                    .invoke(null, wanted, version);
                byte[] bytes = bytesOf(sample.name, message, version);
                ObjectNode entry = NODES.objectNode();
                if (sample.name.endsWith("Request")) {
                    ApiKeys key = ApiKeys.forId(((ApiMessage) message).apiKey());
                    int correlationId = 2000 + requests.size();
                    entry.put("api", sample.name.replace("Request", "")).put("version", v)
                        .put("correlation_id", correlationId)
                        .put("frame", HexFormat.of().formatHex(framed(key, version, correlationId, bytes)));
                } else {
                    entry.put("message", sample.name).put("version", v).put("bytes", HexFormat.of().formatHex(bytes));
                }
                entry.set("values", named);
                (sample.name.endsWith("Request") ? requests : messages).add(JSON.writeValueAsString(entry));
            }
        }
        try (PrintWriter out = new PrintWriter("tests/reference/kafka-bytes.json", "UTF-8")) {
            out.printf("{\"client\": \"Kafka %s\", \"client_id\": \"%s\", \"requests\": [\n", RELEASE, CLIENT_ID);
            out.printf("%s\n], \"messages\": [\n%s\n]}\n", String.join(",\n", requests), String.join(",\n", messages));
        }
        System.out.println(requests.size() + " requests, " + messages.size() + " other messages");
    }
}

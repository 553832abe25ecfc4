import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams with the counting core: exactly once, RocksDB, one record out for each one in. Arguments: name=value. */
public final class CountingStreams {
    private static final AtomicLong seen = new AtomicLong();
    private static final OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static long warm;
    private static volatile long began;
    private static volatile long cpuBefore;

    /** Counts the records of each key and keeps the last one: "COUNT VALUE". */
    static final class Count implements Processor<byte[], byte[], byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<Bytes, byte[]> store;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.store = context.getStateStore("state");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            if (began == 0 && seen.get() >= warm) {
                begin();
            }
            Bytes key = Bytes.wrap(record.key());
            byte[] counted = next(store.get(key), record.value());
            store.put(key, counted);
            context.forward(record.withValue(counted).withHeaders(new RecordHeaders()));
            seen.incrementAndGet();
        }
    }

    private static synchronized void begin() {
        if (began == 0) {
            cpuBefore = system.getProcessCpuTime();
            began = System.nanoTime();
        }
    }

    private static byte[] next(byte[] before, byte[] value) {
        long count = 0;
        for (int at = 0; before != null && before[at] != ' '; at++) {
            count = 10 * count + before[at] - '0';
        }
        byte[] head = (Long.toString(count + 1) + " ").getBytes();
        byte[] all = new byte[head.length + value.length];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(value, 0, all, head.length, value.length);
        return all;
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> told = new HashMap<>();
        for (String argument : arguments) {
            String[] pair = argument.split("=", 2);
            told.put(pair[0], pair[1]);
        }
        long count = Long.parseLong(told.get("count"));
        warm = Long.parseLong(told.get("warm"));
        KafkaStreams streams = new KafkaStreams(topology(told), properties(told));
        streams.start();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", told.get("kafka")))) {
            while (seen.get() < count || committed(admin, told.get("application")) < count) {
                Thread.sleep(20);
            }
        }
        report(count - warm);
        // As the other peers: the orchestrator need not wait for an orderly end.
        Runtime.getRuntime().halt(0);
    }

    private static Topology topology(Map<String, String> told) {
        Topology topology = new Topology();
        topology.addSource("raw", told.get("raw"));
        topology.addProcessor("count", Count::new, "raw");
        topology.addStateStore(
            Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("state"), Serdes.Bytes(), Serdes.ByteArray())
                .withCachingEnabled(),
            "count");
        topology.addSink("output", told.get("output"), "count");
        return topology;
    }

    private static Properties properties(Map<String, String> told) {
        Properties values = new Properties();
        values.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told.get("kafka"));
        values.put(StreamsConfig.APPLICATION_ID_CONFIG, told.get("application"));
        values.put(StreamsConfig.STATE_DIR_CONFIG, told.get("directory"));
        values.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, told.get("guarantee"));
        values.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, told.get("commit_ms"));
        values.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        values.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        values.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        values.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        values.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 2_000);
        values.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 20);
        values.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        values.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), told.get("compression"));
        return values;
    }

    private static long committed(Admin admin, String group) throws Exception {
        return admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values().stream()
            .mapToLong(each -> each == null ? 0 : each.offset()).sum();
    }

    private static void report(long count) throws Exception {
        double seconds = (System.nanoTime() - began) / 1e9;
        double cpu = (system.getProcessCpuTime() - cpuBefore) / 1e9;
        long peak = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                peak = Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        System.out.printf(
            "{\"records\":%d,\"seconds\":%.6f,\"cpu\":%.6f,\"changelog\":0,\"rss\":%d}%n", count, seconds, cpu, peak);
        System.out.flush();
    }
}

// What both worlds must do alike: the contract of the seam (io/seam.h, log/files.h), as programs that run
// over a Host. io_real_test.cc runs them over the kernel, io_sim_test.cc over the simulator.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "io/turns.h"

namespace fulmar::seam_contract {

// What differs between the worlds.
struct World {
    std::string address;                // Where this host reaches itself.
    std::size_t more_than_fits = 0;     // Bytes that a connection does not hold while nobody reads.
    std::function<void()> ask_to_stop;  // As an operator would.
};

// A promise is kept by an empty host: two cores, an empty data directory.
struct Promise {
    const char* name;
    Task<> (*keep)(Host& host, World world);
};

inline std::string pattern(std::size_t size, unsigned start = 0) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = char((i + start) * 2654435761U >> 13);
    return text;
}
inline Result<> write_text(File& file, std::uint64_t position, std::string_view text) {
    auto bytes = bytes_of(text);
    return file.write(position, std::span(&bytes, 1));
}
inline std::string read_text(File& file, std::uint64_t position, std::size_t most) {
    std::string text(most, '\0');
    auto got = file.read(position, std::as_writable_bytes(std::span(text)));
    if (!got) return std::string("error: ") + to_text(got.error());
    text.resize(*got);
    return text;
}
inline std::string names(Directory& directory) {
    std::string all;
    for (auto& entry : directory.list().value()) all += entry.name + (entry.directory ? "/ " : " ");
    return all;
}
template <class T>
std::string told(const Result<T>& result) {
    return result ? "done" : to_text(result.error());
}
inline const std::string missing = to_text(Error::missing), exists = to_text(Error::exists);

// In a job, as all that may block. What is expected of the disk is a plain function.
inline Task<> in_a_job(Host& host, void (*look)(Directory& data)) {
    co_await host.cores[0]->disk.run([&] {
        look(**host.data[0]);
        return true;
    });
}

// --- files and directories -------------------------------------------------------------------------

inline void look_at_files(Directory& data) {
    EXPECT_EQ(told(data.open("a")), missing);
    auto a = data.create("a").value();
    EXPECT_EQ(told(data.create("a")), exists);
    EXPECT_EQ(a->size(), 0U);
    EXPECT_EQ(read_text(*a, 0, 10), "");

    Bytes parts[] = {bytes_of("abcd"), {}, bytes_of("efg")};
    EXPECT_TRUE(a->write(3, parts));
    EXPECT_EQ(a->size(), 10U);
    EXPECT_EQ(read_text(*a, 0, 16), std::string("\0\0\0abcdefg", 10));  // A hole reads as zeros,
    EXPECT_EQ(read_text(*a, 5, 2), "cd");
    EXPECT_EQ(read_text(*a, 8, 16), "fg");  // less than asked for comes only at the end,
    EXPECT_EQ(read_text(*a, 10, 16), "");
    EXPECT_EQ(read_text(*a, 99, 16), "");  // and behind it nothing.

    EXPECT_TRUE(a->allocate(4096));  // It has room, and no more bytes than before.
    EXPECT_EQ(a->size(), 10U);
    EXPECT_TRUE(a->truncate(5) && write_text(*a, 5, "xy"));
    EXPECT_EQ(read_text(*a, 3, 16), "abxy");
    EXPECT_TRUE(a->truncate(4) && a->truncate(6));  // Grown again, it has zeros and not what was there.
    EXPECT_EQ(read_text(*a, 3, 16), std::string("a\0\0", 3));
    EXPECT_TRUE(a->sync() && a->drop_cache());
    EXPECT_EQ(read_text(*a, 3, 16), std::string("a\0\0", 3));

    auto b = data.open("a").value();  // Another handle of the same file.
    EXPECT_TRUE(write_text(*b, 0, "new"));
    EXPECT_EQ(read_text(*a, 0, 4), "newa");
}
inline void look_at_many_parts(Directory& data) {
    auto file = data.create("a").value();
    for (std::size_t count : {0U, 1U, 63U, 64U, 65U, 1023U, 1024U, 1025U, 3000U}) {
        auto text = pattern(3 * count);
        std::vector<Bytes> parts;
        for (std::size_t i = 0; i < count; ++i) parts.push_back(bytes_of(text).subspan(3 * i, 3));
        EXPECT_TRUE(file->write(7, parts) && file->truncate(7 + text.size()));
        EXPECT_EQ(read_text(*file, 7, 10'000), text) << count << " parts";
    }
}
inline void look_at_names(Directory& data) {
    EXPECT_TRUE(data.create("b") && data.create("a") && data.create_directory("c") && data.create("d"));
    EXPECT_EQ(names(data), "a b c/ d ");
    EXPECT_EQ(told(data.create_directory("c")), exists);
    EXPECT_EQ(told(data.create_directory("a")), exists);
    EXPECT_EQ(told(data.create("c")), exists);
    EXPECT_EQ(told(data.open_directory("e")), missing);
    EXPECT_FALSE(data.open("c"));  // A directory is no file,
    EXPECT_FALSE(data.open_directory("a"));

    auto b = data.open("b").value();
    EXPECT_TRUE(write_text(*b, 0, "of b"));
    EXPECT_TRUE(data.rename("b", "a"));  // in place of what was there,
    EXPECT_EQ(names(data), "a c/ d ");
    EXPECT_EQ(read_text(*data.open("a").value(), 0, 10), "of b");
    EXPECT_EQ(read_text(*b, 0, 10), "of b");  // and who has it open keeps it.
    EXPECT_EQ(told(data.rename("b", "e")), missing);

    EXPECT_TRUE(data.remove("a"));
    EXPECT_EQ(told(data.remove("a")), missing);
    EXPECT_EQ(told(data.open("a")), missing);
    EXPECT_EQ(read_text(*b, 0, 10), "of b");
    EXPECT_TRUE(data.sync());
    EXPECT_EQ(names(data), "c/ d ");
}
inline void look_at_directories(Directory& data) {
    auto c = data.create_directory("c").value();
    EXPECT_TRUE(c->create("in") && c->create_directory("deep") && c->sync());
    EXPECT_EQ(names(*data.open_directory("c").value()), "deep/ in ");
    EXPECT_EQ(told(data.remove("c")), exists);  // It is not empty.
    EXPECT_TRUE(c->remove("in") && c->remove("deep"));
    EXPECT_TRUE(data.remove("c") && data.sync());
    EXPECT_EQ(told(data.open_directory("c")), missing);
    EXPECT_EQ(names(data), "");
}
inline void look_at_moves(Directory& data) {
    auto from = data.create_directory("from").value(), to = data.create_directory("to").value();
    EXPECT_TRUE(write_text(*from->create("a").value(), 0, "of a"));
    EXPECT_TRUE(from->create_directory("whole").value()->create("inside"));
    EXPECT_TRUE(to->create("taken"));

    EXPECT_EQ(told(from->move("a", *to, "taken")), exists);
    EXPECT_EQ(told(from->move("b", *to, "b")), missing);
    EXPECT_EQ(names(*from) + names(*to), "a whole/ taken ");
    EXPECT_TRUE(from->move("a", *to, "moved") && from->move("whole", *to, "whole"));
    EXPECT_EQ(names(*from), "");
    EXPECT_EQ(names(*to), "moved taken whole/ ");
    EXPECT_EQ(read_text(*to->open("moved").value(), 0, 10), "of a");
    EXPECT_EQ(names(*to->open_directory("whole").value()), "inside ");
    EXPECT_TRUE(to->move("moved", *to, "again"));  // Into itself, too.
    EXPECT_EQ(names(*to), "again taken whole/ ");
}
inline void look_at_locks(Directory& data) {
    auto held = data.lock("LOCK");
    ASSERT_TRUE(held);
    EXPECT_EQ(told(data.lock("LOCK")), to_text(Error::busy));
    EXPECT_TRUE(data.lock("other"));  // One of another name is another lock,
    EXPECT_TRUE(data.open("LOCK"));   // and to read who holds it needs none. Nor does that end it:
    EXPECT_EQ(told(data.lock("LOCK")), to_text(Error::busy));
    held->reset();
    EXPECT_TRUE(data.lock("LOCK"));
    EXPECT_EQ(names(data), "LOCK other ");
}
inline void look_at_dropped_caches(Directory& data) {
    auto file = data.create("a").value();
    EXPECT_TRUE(write_text(*file, 0, "durable") && file->sync() && write_text(*file, 7, " and not"));
    EXPECT_TRUE(file->drop_cache());  // What is not yet written stays where it is.
    EXPECT_EQ(read_text(*file, 0, 100), "durable and not");
}

inline Task<> files(Host& host, World) { co_await in_a_job(host, look_at_files); }
inline Task<> many_parts(Host& host, World) { co_await in_a_job(host, look_at_many_parts); }
inline Task<> file_names(Host& host, World) { co_await in_a_job(host, look_at_names); }
inline Task<> directories(Host& host, World) { co_await in_a_job(host, look_at_directories); }
inline Task<> moves(Host& host, World) { co_await in_a_job(host, look_at_moves); }
inline Task<> locks(Host& host, World) { co_await in_a_job(host, look_at_locks); }
inline Task<> dropped_caches(Host& host, World) { co_await in_a_job(host, look_at_dropped_caches); }

// The rest are in seam_contract_waits.h (time, order, cores) and seam_contract_network.h.

}  // namespace fulmar::seam_contract

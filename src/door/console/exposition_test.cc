#include "door/console/exposition.h"

#include <gtest/gtest.h>

namespace fulmar::console {
namespace {

TEST(Exposition, names_types_and_values_are_lines) {
    Exposition out;
    out.counter("fulmar_things_total", "Things.");
    out.value(std::uint64_t(18446744073709551615ULL));
    out.gauge("fulmar_age_seconds", "Age.");
    out.value(1.5, {{"topic", "orders"}, {"partition", "0"}});
    EXPECT_EQ(out.take(),
              "# HELP fulmar_things_total Things.\n# TYPE fulmar_things_total counter\n"
              "fulmar_things_total 18446744073709551615\n"
              "# HELP fulmar_age_seconds Age.\n# TYPE fulmar_age_seconds gauge\n"
              "fulmar_age_seconds{topic=\"orders\",partition=\"0\"} 1.5\n");
}

TEST(Exposition, no_text_can_end_its_line_or_its_quotes) {
    Exposition out;
    out.gauge("x", "a \\ b\n\"c\"");
    out.value(std::uint64_t(1), {{"l", "q\" b\\ n\nx 1\n"}});
    EXPECT_EQ(out.take(), "# HELP x a \\\\ b\\n\"c\"\n# TYPE x gauge\nx{l=\"q\\\" b\\\\ n\\nx 1\\n\"} 1\n");
}

TEST(Exposition, buckets_of_a_histogram_add_up) {
    Latencies latencies;
    for (auto us : {10, 64, 65, 20'000'000}) latencies.add(std::chrono::microseconds(us));
    Exposition out;
    out.histogram("t_seconds", "Time.");
    out.latencies(latencies, "api", "Fetch");
    auto text = out.take();
    auto has = [&](std::string_view line) { return text.find(line) != text.npos; };
    EXPECT_TRUE(has("\nt_seconds_bucket{api=\"Fetch\",le=\"6.4e-05\"} 2\n")) << text;
    EXPECT_TRUE(has("\nt_seconds_bucket{api=\"Fetch\",le=\"0.000128\"} 3\n")) << text;
    EXPECT_TRUE(has("\nt_seconds_bucket{api=\"Fetch\",le=\"16.777216\"} 3\n")) << text;
    EXPECT_TRUE(has("\nt_seconds_bucket{api=\"Fetch\",le=\"+Inf\"} 4\n")) << text;
    EXPECT_TRUE(has("\nt_seconds_sum{api=\"Fetch\"} 20.000139\n")) << text;
    EXPECT_TRUE(text.ends_with("\nt_seconds_count{api=\"Fetch\"} 4\n")) << text;
    out.latencies({});
    EXPECT_TRUE(out.take().starts_with("t_seconds_bucket{le=\"6.4e-05\"} 0\n"));
}

}  // namespace
}  // namespace fulmar::console

// The embedded store under the loop that it is made for: its answers cross threads for real.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "coord/embedded.h"
#include "io/real/runtime.h"
#include "tests/coord/contract.h"

namespace fulmar::coord {
namespace {

TEST(EmbeddedStoreOnTheRealLoop, keeps_the_contract) {
    std::string root = std::filesystem::temp_directory_path() / "fulmar-store-XXXXXX";
    ASSERT_TRUE(::mkdtemp(root.data()));
    {
        real::Runtime runtime(1, 1, {});
        auto& loop = runtime.host().cores[0]->loop;
        auto open = [&] {
            auto store = open_embedded(loop, root + "/coord");
            return store ? std::move(*store) : nullptr;
        };
        runtime.run([&](Host&) { return store_contract(loop, open); });
    }
    std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace fulmar::coord

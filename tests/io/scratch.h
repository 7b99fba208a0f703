// A directory for one test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace fulmar {

class Scratch {
public:
    Scratch() {
        std::string name = std::filesystem::temp_directory_path() / "fulmar-io-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~Scratch() { std::filesystem::remove_all(path_); }
    std::string path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace fulmar

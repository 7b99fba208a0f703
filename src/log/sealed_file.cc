#include "log/sealed_file.h"

#include <fmt/format.h>

#include "base/crc32c.h"

namespace fulmar {

Result<> write_sealed(Directory& directory, const std::string& name, std::string text) {
    text += fmt::format("crc32c={:08x}\n", crc32c(bytes_of(text)));
    auto beside = name + ".tmp";
    if (auto gone = directory.remove(beside); !gone && gone.error() != Error::missing) return gone;
    auto file = directory.create(beside);
    if (!file) return std::unexpected(file.error());
    Bytes part = bytes_of(text);
    if (auto written = (*file)->write(0, std::span(&part, 1)); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    if (auto renamed = directory.rename(beside, name); !renamed) return renamed;
    return directory.sync();
}

Result<std::string> read_sealed(Directory& directory, const std::string& name) {
    auto file = directory.open(name);
    if (!file) return std::unexpected(file.error());
    auto size = (*file)->size();
    if (!size) return std::unexpected(size.error());
    std::string text(*size, '\0');
    auto got = (*file)->read(0, std::as_writable_bytes(std::span(text)));
    if (!got) return std::unexpected(got.error());
    text.resize(*got);
    constexpr std::size_t seal_length = 7 + 8 + 1;
    if (text.size() < seal_length) return std::unexpected(Error::damaged);
    auto body = text.substr(0, text.size() - seal_length);
    if (text.substr(body.size()) != fmt::format("crc32c={:08x}\n", crc32c(bytes_of(body))))
        return std::unexpected(Error::damaged);
    return body;
}

}  // namespace fulmar

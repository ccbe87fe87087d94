// Private: the ZIP archive that torch.save writes, read in place.
//
// Entries are stored, not compressed. Every offset and size is checked before a byte is handed out.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace tessera::nn {

/// Entry name -> its bytes, views into `archive`. `name` stands for the file in messages.
/// Throws IoError: no archive, damaged, compressed or encrypted entries, a name that comes twice.
std::map<std::string, std::span<const std::byte>> read_stored_zip(
    std::span<const std::byte> archive, const std::string& name);

}  // namespace tessera::nn

// Parts of tessera that a machine may lack: shared libraries beside the program, loaded if they
// load. The rest of the program never needs to know why one is missing; the text says it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tessera::media {

/// A loaded module, or the reason why there is none. Once loaded it stays until the process ends:
/// drivers and codecs do not survive being unloaded.
class Module {
 public:
  bool is_loaded() const { return handle_ != nullptr; }
  explicit operator bool() const { return is_loaded(); }

  const std::string& name() const { return name_; }

  /// The file that was loaded, empty if none.
  const std::filesystem::path& path() const { return path_; }

  /// Why it is not loaded: the linker's own words, or where it was looked for. Empty if loaded.
  const std::string& error() const { return error_; }

  /// Address of an exported symbol, nullptr when there is none (or no module).
  void* symbol(const char* symbol_name) const;

 private:
  friend Module load_module(const std::string&, const std::vector<std::filesystem::path>&);
  void* handle_ = nullptr;
  std::string name_, error_;
  std::filesystem::path path_;
};

/// Where modules are looked for, in order: the folder of the library or program that holds this
/// code, the program's folder, and `../lib` beside it.
std::vector<std::filesystem::path> module_folders();

/// Loads `libtessera_<name>.so` from the first folder that has it. Never throws for a module that
/// is missing or does not load; ask is_loaded(). Loading twice gives the same library.
Module load_module(const std::string& name,
                   const std::vector<std::filesystem::path>& folders = module_folders());

}  // namespace tessera::media

#include "tessera/core/module_loader.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>

#include <dlfcn.h>

namespace tessera {
namespace {

LoadedModule load(const std::string& file_name) {
  LoadedModule module;
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  const auto folder = program.parent_path();
  for (const auto& candidate : {folder / file_name, folder / ".." / "lib" / file_name}) {
    if (!std::filesystem::exists(candidate, failure)) continue;
    module.handle = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module.handle == nullptr) {
      module.error = ::dlerror();
      return module;
    }
    module.path = candidate.string();
    return module;
  }
  module.error = file_name + " is not in " + folder.string() + " nor in ../lib beside it";
  return module;
}

}  // namespace

void* LoadedModule::symbol(const char* name) const {
  return handle == nullptr ? nullptr : ::dlsym(handle, name);
}

const LoadedModule& load_module(const std::string& file_name) {
  static std::mutex mutex;
  static std::map<std::string, LoadedModule> modules;
  const std::lock_guard lock(mutex);
  const auto found = modules.find(file_name);
  if (found != modules.end()) return found->second;
  return modules.emplace(file_name, load(file_name)).first->second;
}

}  // namespace tessera

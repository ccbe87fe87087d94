// Shared libraries beside the program that may be there or not.
//
// What a machine may lack (CUDA, FFmpeg) is a module: loaded if it loads, and otherwise the reason
// is at hand for `doctor` and for the message of whoever needed it.
#pragma once

#include <string>

namespace tessera {

struct LoadedModule {
  /// From dlopen, never closed; null when it did not load.
  void* handle = nullptr;

  /// The file that was loaded, or the reason why none was.
  std::string path, error;

  /// Address of an exported function, or null.
  void* symbol(const char* name) const;
};

/// Loads `file_name` (such as "libtessera_cuda.so") from the program's own folder, then from
/// ../lib beside it. Each module is loaded once; later calls give the first answer.
const LoadedModule& load_module(const std::string& file_name);

}  // namespace tessera

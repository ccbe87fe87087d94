// Private: the border between C and C++. Exceptions become statuses, structs are checked.
#pragma once

#include <cstring>
#include <exception>
#include <new>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/core/error.h"

namespace tessera::attention::c {

/// Keeps the text for tessera_last_error and returns the status.
tessera_status fail(tessera_status status, const char* text) noexcept;

/// Runs `body` and turns what it throws into a status.
template <typename Body>
tessera_status guarded(const Body& body) noexcept {
  try {
    body();
    return TESSERA_OK;
  } catch (const InvalidArgument& error) {
    return fail(TESSERA_INVALID_ARGUMENT, error.what());
  } catch (const Unsupported& error) {
    return fail(TESSERA_UNSUPPORTED, error.what());
  } catch (const IoError& error) {
    return fail(TESSERA_IO_ERROR, error.what());
  } catch (const std::bad_alloc&) {
    return fail(TESSERA_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(TESSERA_INTERNAL_ERROR, error.what());
  } catch (...) {
    return fail(TESSERA_INTERNAL_ERROR, "an exception of unknown type");
  }
}

template <typename T>
void check_set(T* pointer, const char* function, const char* name) {
  TESSERA_CHECK(pointer != nullptr, "[", function, "] ", name, " must be set, got: NULL");
}

/// Throws unless the struct is there and of a size that this library knows.
template <typename T>
void check_struct(const T* given, const char* function, const char* name) {
  check_set(given, function, name);
  TESSERA_CHECK(given->struct_size == sizeof(T), "[", function, "] ", name,
                "->struct_size must be ", sizeof(T), ", got: ", given->struct_size);
}

/// The struct, or its defaults where the caller left it out.
template <typename T>
T struct_or(const T* given, const T& defaults, const char* function, const char* name) {
  if (given == nullptr) return defaults;
  check_struct(given, function, name);
  return *given;
}

/// An enum of the C++ API from its number, which must be in [0, count).
template <typename Enum>
Enum enum_of(int32_t value, int32_t count, const char* function, const char* name) {
  TESSERA_CHECK(0 <= value && value < count, "[", function, "] ", name, " must be in [0, ", count,
                "), got: ", value);
  return static_cast<Enum>(value);
}

}  // namespace tessera::attention::c

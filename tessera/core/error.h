// Errors: one small family of exceptions, thrown by every room, caught by the callers' edge.
//
// A message reads `[function or file] rule, got: value`, so that it can be searched for and acted
// on. Rooms throw; they never print, exit or go on silently.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace tessera {

/// Base of every error that tessera throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller broke a rule that can be checked from the arguments alone.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// Legal, but not built, or not possible on this machine; the text lists what is.
class Unsupported : public Error {
 public:
  using Error::Error;
};

/// A file or folder is missing, unreadable, damaged, or holds data that break a rule. The text
/// begins with the path.
class IoError : public Error {
 public:
  using Error::Error;
};

/// An accelerator or its driver failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// The user asked to stop; what was finished is kept.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Joins the parts into one text with operator<<.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace tessera

/// Throws InvalidArgument with the joined parts unless the condition holds.
#define TESSERA_CHECK(condition, ...)                                   \
  do {                                                                  \
    if (!(condition)) {                                                 \
      throw ::tessera::InvalidArgument(::tessera::concat(__VA_ARGS__)); \
    }                                                                   \
  } while (false)

/// A rule of our own that no input can break; checked in debug builds and where
/// TESSERA_ASSERTIONS is set.
#if defined(TESSERA_ASSERTIONS) || !defined(NDEBUG)
#define TESSERA_ASSERT(condition)                                                          \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      throw std::logic_error(::tessera::concat(__FILE__, ":", __LINE__, ": " #condition)); \
    }                                                                                      \
  } while (false)
#else
#define TESSERA_ASSERT(condition) \
  do {                            \
  } while (false)
#endif

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace melon {

/// What went wrong, in the numbers of gRPC so that RPC, HTTP and exit codes are one mapping each.
enum class Code {
  kInvalidArgument = 3,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
};

/// An error as a person reads it: what was refused and the rule ("message"), and what to do
/// ("remedy", may be empty).
struct Error {
  Code code = Code::kInternal;
  std::string message;
  std::string remedy;
};

/// A T or an Error. A class and not an alias, because only a class can be [[nodiscard]].
template <class T = void>
struct [[nodiscard]] Result : tl::expected<T, Error> {
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Base base) : Base(std::move(base)) {}  // NOLINT: takes what transform() returns
};

/// An error ready to be returned from any function that returns a Result.
inline tl::unexpected<Error> fail(Code code, std::string message, std::string remedy = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(remedy)});
}

}  // namespace melon

#define MELON_CONCAT_INNER(a, b) a##b
#define MELON_CONCAT(a, b) MELON_CONCAT_INNER(a, b)
#define MELON_TRY_INNER(result, declaration, ...)                                  \
  auto result = __VA_ARGS__;                                                       \
  if (!result) return ::tl::unexpected<::melon::Error>(std::move(result).error()); \
  declaration = std::move(*result)

/// MELON_TRY(auto x, f()): x is the value of f(), or the enclosing function returns f()'s error.
#define MELON_TRY(declaration, ...) \
  MELON_TRY_INNER(MELON_CONCAT(melon_try_, __LINE__), declaration, __VA_ARGS__)

/// MELON_RETURN_IF_ERROR(f()): returns f()'s error from the enclosing function, if it has one.
#define MELON_RETURN_IF_ERROR(...)                                              \
  do {                                                                          \
    if (auto melon_status = __VA_ARGS__; !melon_status)                         \
      return ::tl::unexpected<::melon::Error>(std::move(melon_status).error()); \
  } while (false)

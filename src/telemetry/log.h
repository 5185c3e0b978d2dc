// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace melon::telemetry {

/// error: someone must act. warn: degraded. info: a state changed. debug: for whoever looks
/// closely.
enum class Level { kDebug, kInfo, kWarn, kError, kOff };

/// Errors: kInvalidArgument naming the accepted words: debug, info, warn, error, off.
Result<Level> parse_level(std::string_view text);
std::string_view to_text(Level level);

/// One value of a log line.
struct Field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  Field(std::string_view field, std::string_view text) : name(field), value(text) {}
  Field(std::string_view field, const std::string& text)
      : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, bool truth) : name(field), value(truth) {}
  Field(std::string_view field, std::integral auto number)
      : name(field), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view field, double number) : name(field), value(number) {}
};

/// Writes lines of JSON to stderr: {"time", "level", "message", fields...}. The process has one
/// log, because its stderr is one. Thread-safe. Nothing is buffered; a full or closed stderr loses
/// lines and nothing else.
void set_level(Level level);
void log(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::kDebug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::kInfo, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::kWarn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  log(Level::kError, message, fields);
}
/// An Error with its code and remedy.
void error(const Error& error);

}  // namespace melon::telemetry

// SPDX-License-Identifier: Apache-2.0
// Structured logs as lines of JSON on stderr.
#include "telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

namespace melon::telemetry {
namespace {

struct LevelName {
  Level level;
  std::string_view name;
  spdlog::level::level_enum spdlog;
};

constexpr std::array kLevels = {
    LevelName{Level::kDebug, "debug", spdlog::level::debug},
    LevelName{Level::kInfo, "info", spdlog::level::info},
    LevelName{Level::kWarn, "warn", spdlog::level::warn},
    LevelName{Level::kError, "error", spdlog::level::err},
    LevelName{Level::kOff, "off", spdlog::level::off},
};

const LevelName& entry_of(Level level) {
  const auto* const entry = std::ranges::find(kLevels, level, &LevelName::level);
  return entry == kLevels.end() ? kLevels.back() : *entry;
}

/// Made at first use. What the message lacks is added by spdlog: the time and the line's end.
spdlog::logger& logger() {
  static const auto kInstance = [] {
    auto made = std::make_shared<spdlog::logger>("melon",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::info);
    made->set_error_handler([](const std::string&) {});  // there is no other place to say it
    return made;
  }();
  return *kInstance;
}

using Json = nlohmann::ordered_json;

Json to_json(const Field& field) {
  return std::visit([](const auto& value) { return Json(value); }, field.value);
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  const auto* const entry = std::ranges::find(kLevels, text, &LevelName::name);
  if (entry == kLevels.end())
    return fail(Code::kInvalidArgument, fmt::format("log level '{}' is unknown", text),
                "use debug, info, warn, error or off");
  return entry->level;
}

std::string_view to_text(Level level) { return entry_of(level).name; }

void set_level(Level level) { logger().set_level(entry_of(level).spdlog); }

void log(Level level, std::string_view message, std::initializer_list<Field> fields) {
  const LevelName& entry = entry_of(level);
  if (level == Level::kOff || !logger().should_log(entry.spdlog)) return;
  Json line = {{"level", entry.name}, {"message", message}};
  for (const Field& field : fields) line[std::string(field.name)] = to_json(field);
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
  logger().log(entry.spdlog, std::string_view(text).substr(1, text.size() - 2));  // without braces
}

void error(const Error& error) {
  log(Level::kError, error.message,
      {{"code", static_cast<int>(error.code)}, {"remedy", error.remedy}});
}

}  // namespace melon::telemetry

// SPDX-License-Identifier: Apache-2.0
// The table of configuration keys, and the page that it makes.
#include "config/keys.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/quantity_text.h"
#include "base/time_text.h"
#include "core/names.h"

namespace melon::config {
namespace {

constexpr Permille kMostOvercommit{10'000};
constexpr Permille kMostCompute{16'000};  // sixteen whole devices

Result<std::string> one_value(const Document& value) {
  if (value.kind == Document::Kind::kScalar) return value.scalar;
  return fail(Code::kInvalidArgument, fmt::format("'{}' needs one value", value.key),
              fmt::format("write {}: VALUE", value.key));
}

/// A reader that turns a scalar into a field with a parser of text.
template <auto kField, auto kParse, class Target>
Result<> read_with(Target& target, const Document& value) {
  MELON_TRY(const std::string text, one_value(value));
  MELON_TRY(target.*kField, kParse(text));
  return {};
}

Result<std::string> parse_text(std::string_view text) { return std::string(text); }

Result<std::string> parse_path(std::string_view text) {
  if (text.empty() || text.front() == '/') return std::string(text);
  return fail(Code::kInvalidArgument, fmt::format("path '{}': not absolute", text),
              "write a path from /");
}

Result<std::chrono::seconds> parse_seconds(std::string_view text) {
  MELON_TRY(const auto duration, parse_duration(text));
  if (duration.count() % 1000 == 0)
    return std::chrono::duration_cast<std::chrono::seconds>(duration);
  return fail(Code::kInvalidArgument, fmt::format("duration '{}': finer than a second", text),
              "write whole seconds");
}

Result<std::chrono::milliseconds> parse_interval(std::string_view text) {
  MELON_TRY(const auto duration, parse_duration(text));
  if (duration >= std::chrono::milliseconds(100) && duration <= std::chrono::seconds(1))
    return duration;
  return fail(Code::kInvalidArgument, fmt::format("interval '{}': outside 100ms to 1s", text),
              "choose an interval in that range; findings are promised within 2 s");
}

Result<Permille> parse_overcommit(std::string_view text) {
  MELON_TRY(const Permille share, parse_percentage("overcommit", text, kMostOvercommit));
  if (share >= kWholeDevice) return share;
  return fail(Code::kInvalidArgument, fmt::format("overcommit '{}': below 100%", text),
              "100% is the device as it is; more lets bookings exceed it");
}

Result<MiB> parse_memory_sum(std::string_view text) {
  MELON_TRY(const MemoryAmount memory, parse_memory(text));
  if (!memory.of_device) return memory.absolute;
  return fail(Code::kInvalidArgument,
              fmt::format("memory '{}': a limit over all devices is no share of one", text),
              "write an amount such as 16GiB");
}

Result<Permille> parse_compute_sum(std::string_view text) {
  return parse_percentage("compute", text, kMostCompute);
}

template <int kSmallest, int kLargest>
Result<int> parse_number(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status == std::errc{} && stop == end && number >= kSmallest && number <= kLargest)
    return number;
  return fail(
      Code::kInvalidArgument,
      fmt::format("number '{}': not a whole number from {} to {}", text, kSmallest, kLargest),
      "choose a number in that range");
}

Result<> read_devices(DaemonConfig& config, const Document& value) {
  config.ignored_devices.clear();
  if (value.kind == Document::Kind::kSequence)
    for (const Document& item : value.items) {
      if (item.kind != Document::Kind::kScalar || item.scalar.empty())
        return fail(Code::kInvalidArgument, "a device is not a plain word",
                    "write ids as `melon devices` shows them");
      config.ignored_devices.push_back(item.scalar);
    }
  if (value.kind == Document::Kind::kSequence) return {};
  return fail(Code::kInvalidArgument, fmt::format("'{}' needs a list", value.key),
              fmt::format("write {}: [DEVICE, ...]", value.key));
}

std::string write_devices(const DaemonConfig& config) {
  std::string text;
  for (const std::string& device : config.ignored_devices)
    text += (text.empty() ? "" : ", ") + device;
  return "[" + text + "]";
}

std::string write_value(const std::string& value) { return value; }
std::string write_value(MiB value) { return to_text(value); }
std::string write_value(Permille value) { return to_text(value); }
std::string write_value(int value) { return std::to_string(value); }
std::string write_value(core::Priority value) { return std::string(core::to_text(value)); }
std::string write_value(std::chrono::milliseconds value) { return to_text(value); }
std::string write_value(std::chrono::seconds value) {
  return to_text(std::chrono::milliseconds(value));
}
std::string write_value(telemetry::Level value) { return std::string(to_text(value)); }
template <class T>
std::string write_value(const std::optional<T>& value) {
  return value ? write_value(*value) : std::string();
}

template <auto kField, class Target>
std::string write_field(const Target& target) {
  return write_value(target.*kField);
}

template <auto kField, auto kParse>
constexpr Key<DaemonConfig> daemon_key(std::string_view name, std::string_view type,
                                       std::string_view text) {
  return {name, type, text, read_with<kField, kParse, DaemonConfig>,
          write_field<kField, DaemonConfig>};
}

template <auto kField, auto kParse>
constexpr Key<UserLimits> limit_key(std::string_view name, std::string_view type,
                                    std::string_view text) {
  return {name, type, text, read_with<kField, kParse, UserLimits>, write_field<kField, UserLimits>};
}

using D = DaemonConfig;
constexpr std::array kDaemonKeys = {
    daemon_key<&D::state_folder, parse_path>("state_folder", "path",
                                             "Where grants, policies and the database are kept."),
    daemon_key<&D::socket, parse_path>("socket", "path", "The Unix socket that the daemon serves."),
    daemon_key<&D::metrics_address, parse_text>(
        "metrics_address", "HOST:PORT",
        "Also serve /metrics on this TCP address; empty: on the socket alone."),
    daemon_key<&D::lock_folder, parse_path>(
        "lock_folder", "path",
        "Where daemons lock the devices that they own; all daemons of a machine share it."),
    daemon_key<&D::vendors_folder, parse_path>(
        "vendors_folder", "path",
        "A folder of vendor descriptors (*.yaml) that replace built-in ones of the same id."),
    daemon_key<&D::overcommit_memory, parse_overcommit>(
        "overcommit_memory", "percentage",
        "How much of each device's memory may be booked; above 100% promises more than there is."),
    daemon_key<&D::overcommit_compute, parse_overcommit>("overcommit_compute", "percentage",
                                                         "The same of each device's compute."),
    daemon_key<&D::keep, parse_seconds>(
        "keep", "duration", "How long a grant without a process lives, unless it asks otherwise."),
    daemon_key<&D::sampling_interval, parse_interval>(
        "sampling_interval", "duration", "How often ledgers are read, from 100ms to 1s."),
    daemon_key<&D::log_level, telemetry::parse_level>(
        "log_level", "word", "The least that is logged: error, warn, info, debug; or off."),
    Key<DaemonConfig>{"ignored_devices", "list of devices",
                      "Devices, by id, alias or vendor, that this daemon leaves alone.",
                      read_devices, write_devices},
};

using U = UserLimits;
constexpr std::array kLimitKeys = {
    limit_key<&U::memory, parse_memory_sum>("memory", "amount", "Memory over all devices."),
    limit_key<&U::compute, parse_compute_sum>(
        "compute", "percentage", "Booked compute over all devices; 200% is two whole ones."),
    limit_key<&U::grants, parse_number<0, 100'000>>("grants", "number",
                                                    "Grants that are not over, queued ones too."),
    limit_key<&U::priority, core::parse_priority>("priority", "word",
                                                  "The highest priority: low, normal, high; also "
                                                  "the default, where it is below normal."),
    limit_key<&U::weight, parse_number<core::kSmallestWeight, core::kLargestWeight>>(
        "weight", "number",
        "The highest weight beside others; also the default, where it is below 100."),
    limit_key<&U::age, parse_seconds>("age", "duration", "A grant that is older is stopped."),
    limit_key<&U::idle, parse_seconds>("idle", "duration",
                                       "A grant that used no device time for so long is stopped."),
};

template <class Target>
std::string table_of(std::span<const Key<Target>> keys) {
  std::string table = "| key | type | default | meaning |\n|---|---|---|---|\n";
  const Target defaults;
  for (const Key<Target>& key : keys) {
    const std::string value = key.write(defaults);
    table += fmt::format("| `{}` | {} | {} | {} |\n", key.name, key.type,
                         value.empty() ? "" : "`" + value + "`", key.text);
  }
  return table;
}

}  // namespace

std::span<const Key<DaemonConfig>> daemon_keys() { return kDaemonKeys; }
std::span<const Key<UserLimits>> limit_keys() { return kLimitKeys; }

std::string reference_page() {
  return fmt::format(
      "# Configuration of the daemon\n\n"
      "<!-- Generated from src/config/keys.cc by `make reference`. -->\n\n"
      "One YAML file, given by `melon up --config FILE`. An unknown key is an error. Empty paths "
      "mean the\n"
      "place that suits the user who runs the daemon. A flag of `melon up` wins over the "
      "file.\n\n{}\n"
      "## `limits` and `users`\n\n"
      "`limits` bounds each user; `users` holds, by user name or number, what differs for one of "
      "them.\n"
      "A key without a value is no limit. Root is not bound, also when it changes a user's "
      "grant.\n\n{}\n"
      "```yaml\nlimits: {{memory: 16GiB, compute: 100%, grants: 8, priority: normal}}\n"
      "users:\n  alice: {{memory: 64GiB, priority: high}}\n```\n",
      table_of(daemon_keys()), table_of(limit_keys()));
}

}  // namespace melon::config

// SPDX-License-Identifier: Apache-2.0
// The flags of a request, checked and turned into the API's body.
#include "cli/request_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/quantity_text.h"
#include "cli/number_flags.h"
#include "core/names.h"

namespace melon::cli {
namespace {

// What is written as a whole number of MiB, GiB or TiB comes out as it went in.
bool is_exact(const std::string& typed) {
  const auto unit = typed.find_first_not_of("0123456789");
  if (unit == std::string::npos) return true;
  const bool is_mebi_or_more = typed.find_first_of("MGT", unit) == unit;
  return is_mebi_or_more && typed.find('i', unit) == unit + 1;
}

Result<> check_memory(const std::optional<std::string>& typed) {
  if (!typed) return {};
  MELON_RETURN_IF_ERROR(parse_memory(*typed));
  return {};
}

void echo_memory(const std::optional<std::string>& typed, Session& session) {
  if (!typed || is_exact(*typed)) return;
  const auto amount = parse_memory(*typed);
  if (amount && !amount->of_device)
    *session.err << fmt::format("melon: memory {} is {} MiB\n", *typed, amount->absolute.count());
}

Result<> check_compute(const std::optional<std::string>& typed) {
  if (!typed) return {};
  MELON_RETURN_IF_ERROR(parse_compute(*typed));
  return {};
}

Result<> check_words(const RequestFlags& flags) {
  if (flags.share) MELON_RETURN_IF_ERROR(core::parse_share_mode(*flags.share));
  if (flags.priority) MELON_RETURN_IF_ERROR(core::parse_priority(*flags.priority));
  return {};
}

Result<> check_named(const char* flag, const std::optional<std::string>& typed) {
  if (!typed || !typed->empty()) return {};
  return fail(Code::kInvalidArgument, fmt::format("{} '' names none", flag),
              fmt::format("name one of `melon devices`, or leave {} out for any", flag));
}

template <class T>
void put(Json& body, const char* key, const std::optional<T>& value) {
  if (value) body[key] = *value;
}

}  // namespace

std::vector<Parameter> changeable_parameters(RequestFlags& flags) {
  return {
      {.names = "--memory",
       .target = &flags.memory,
       .value = "QUANTITY",
       .text = "Device memory: 512MiB, 1GiB, 2G, 4096 (MiB) or 25%"},
      {.names = "--compute",
       .target = &flags.compute,
       .value = "PERCENT",
       .text = "Share of the device's compute: 25% or 12.5%"},
      {.names = "--share",
       .target = &flags.share,
       .value = "MODE",
       .text = "hard (never above), weighted (in proportion) or burst (guarantee and ceiling)",
       .offered = {"hard", "weighted", "burst"}},
      {.names = "--weight",
       .target = &flags.weight,
       .value = "N",
       .text = "Weight beside other weighted workloads, 1 to 10000 (default 100, or your limit)"},
      {.names = "--max",
       .target = &flags.max,
       .value = "PERCENT",
       .text = "Ceiling of a burst share (default 100%)"},
      {.names = "--priority",
       .target = &flags.priority,
       .value = "LEVEL",
       .text = "low, normal or high",
       .offered = {"low", "normal", "high"}},
  };
}

std::vector<Parameter> placing_parameters(RequestFlags& flags) {
  return {
      {.names = "--count",
       .target = &flags.count,
       .value = "N",
       .text = "Devices, 1 to 16; every value is per device"},
      {.names = "--device", .target = &flags.device, .value = "ID", .text = "This device only"},
      {.names = "--type",
       .target = &flags.type,
       .value = "TYPE",
       .text = "Devices whose type or vendor has this word"},
      {.names = "--unenforced",
       .target = &flags.unenforced,
       .text = "Accept a device whose limits nothing keeps (ENFORCEMENT none)"},
  };
}

Result<Json> to_body(const RequestFlags& flags, Session& session) {
  MELON_RETURN_IF_ERROR(check_memory(flags.memory));
  MELON_RETURN_IF_ERROR(check_compute(flags.compute));
  MELON_RETURN_IF_ERROR(check_compute(flags.max));
  MELON_RETURN_IF_ERROR(check_words(flags));
  MELON_RETURN_IF_ERROR(
      check_flag("--weight", flags.weight, core::kSmallestWeight, core::kLargestWeight));
  MELON_RETURN_IF_ERROR(check_flag("--count", flags.count, 1, core::kMostDevices));
  MELON_RETURN_IF_ERROR(check_named("--device", flags.device));
  MELON_RETURN_IF_ERROR(check_named("--type", flags.type));
  echo_memory(flags.memory, session);
  Json body = Json::object();
  put(body, "memory", flags.memory);
  put(body, "compute", flags.compute);
  put(body, "share", flags.share);
  put(body, "weight", flags.weight);
  put(body, "max", flags.max);
  put(body, "priority", flags.priority);
  put(body, "count", flags.count);
  put(body, "device", flags.device);
  put(body, "type", flags.type);
  if (flags.unenforced) body["unenforced"] = true;
  return body;
}

}  // namespace melon::cli

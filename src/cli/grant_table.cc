// SPDX-License-Identifier: Apache-2.0
// Grants and devices as people and programs read them.
#include "cli/grant_table.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/quantity_text.h"
#include "base/time_text.h"
#include "cli/api.h"
#include "cli/json_shapes.h"

namespace melon::cli {
namespace {

Json with_keys_first(const Json& object, std::string_view shape) {
  Json ordered = Json::object();
  for (const JsonKey& row : keys_of(shape)) {
    const std::string key(row.key);
    ordered[key] = object.contains(key) ? object.at(key) : Json();
  }
  for (const auto& [key, value] : object.items()) {
    if (!ordered.contains(key)) ordered[key] = value;
  }
  return ordered;
}

std::string pids_text(const Json& grant) {
  if (!grant.contains("pids")) return "-";
  std::string text;
  for (const Json& pid : list_of(grant, "pids")) {
    if (pid.is_number()) text += (text.empty() ? "" : ",") + pid.dump();
  }
  return text.empty() ? "-" : text;
}

std::string joined(const Json& texts, const char* between) {
  std::string text;
  for (const Json& item : texts) {
    if (item.is_string()) text += (text.empty() ? "" : between) + item.get<std::string>();
  }
  return text.empty() ? "-" : text;
}

std::string exit_text(const Json& grant) {
  const auto code = number_of(grant, "exit_code");
  return code ? std::to_string(*code) : "-";
}

std::vector<Cell> slice_cells(const Json& slice) {
  return {text_of(slice, "device"),
          memory_text(number_of(slice, "memory_mib")),
          memory_text(number_of(slice, "used_memory_mib")),
          share_text(slice),
          compute_text(number_of(slice, "used_compute_permille")),
          compute_text(number_of(slice, "throttled_permille")),
          text_of(slice, "priority")};
}

std::vector<Cell> row(const Json& grant, const Json& slice, bool first, std::int64_t now) {
  const std::string state = text_of(grant, "state");
  std::vector<Cell> cells = {first ? text_of(grant, "name") : "",
                             first ? Cell(state, state_tone(state)) : Cell("")};
  if (slice.is_object()) {
    for (Cell& cell : slice_cells(slice)) cells.push_back(std::move(cell));
  } else {
    cells.insert(cells.end(), 7, Cell("-"));
  }
  const std::vector<Cell> rest = {
      text_of(grant, "owner"),  age_text(text_of(grant, "created"), now),
      exit_text(grant),         text_of(grant, "id"),
      pids_text(grant),         joined(list_of(grant, "flags"), ","),
      text_of(grant, "reason"), joined(list_of(grant, "arguments"), " ")};
  for (const Cell& cell : rest) cells.push_back(first ? cell : Cell(""));
  return cells;
}

}  // namespace

std::int64_t now_unix_ms() { return SystemClock().unix_ms(); }

std::string memory_text(std::optional<std::int64_t> mib) { return mib ? to_text(MiB(*mib)) : "-"; }

std::string compute_text(std::optional<std::int64_t> permille) {
  return permille ? to_text(Permille(*permille)) : "-";
}

std::string booked_text(const Json& slice) {
  const auto booked = number_of(slice, "compute_permille");
  return booked == 0 ? "none" : compute_text(booked);
}

std::string share_text(const Json& slice) {
  const std::string share = text_of(slice, "share");
  if (share == "weighted") return fmt::format("weight {}", number_of(slice, "weight").value_or(0));
  std::string compute = compute_text(number_of(slice, "compute_permille"));
  if (share == "burst")
    return fmt::format("{} to {}", compute, compute_text(number_of(slice, "ceiling_permille")));
  return compute;
}

std::string age_text(const std::string& rfc3339, std::int64_t now_unix_ms) {
  const auto then = parse_rfc3339(rfc3339);
  if (!then) return "-";
  const std::int64_t seconds = std::max<std::int64_t>(0, (now_unix_ms - *then) / 1000);
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 7200) return fmt::format("{}m", seconds / 60);
  if (seconds < 172800) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

Tone state_tone(const std::string& state) {
  if (state == "running") return Tone::kGood;
  if (state == "failed" || state == "lost") return Tone::kBad;
  if (state == "queued" || state == "reserved" || state == "suspended") return Tone::kWarn;
  return Tone::kDim;
}

Table grant_table(const Json& grants, std::int64_t now_unix_ms) {
  Table table{.columns = {{.header = "NAME"},
                          {.header = "STATE"},
                          {.header = "DEVICE"},
                          {.header = "MEMORY", .right = true},
                          {.header = "USED", .right = true},
                          {.header = "COMPUTE", .right = true},
                          {.header = "USED", .right = true},
                          {.header = "THROTTLED", .wide_only = true, .right = true},
                          {.header = "PRIORITY", .wide_only = true},
                          {.header = "OWNER"},
                          {.header = "AGE", .right = true},
                          {.header = "EXIT", .right = true},
                          {.header = "ID", .wide_only = true},
                          {.header = "PIDS", .wide_only = true},
                          {.header = "FLAGS", .wide_only = true},
                          {.header = "REASON", .wide_only = true},
                          {.header = "COMMAND", .wide_only = true}},
              .rows = {}};
  for (const Json& grant : grants) {
    const Json& slices = list_of(grant, "slices");
    if (slices.empty()) table.rows.push_back(row(grant, Json(), true, now_unix_ms));
    bool first = true;
    for (const Json& slice : slices) {
      table.rows.push_back(row(grant, slice, first, now_unix_ms));
      first = false;
    }
  }
  return table;
}

Json documented_grant(const Json& grant) {
  Json documented = with_keys_first(grant, "Grant");
  for (Json& slice : documented["slices"]) slice = with_keys_first(slice, "Slice");
  return documented;
}

Json documented_device(const Json& device) { return with_keys_first(device, "Device"); }

}  // namespace melon::cli

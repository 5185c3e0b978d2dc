// SPDX-License-Identifier: Apache-2.0
// `melon devices`: what there is to slice, and how much of it is free.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

Cell health_cell(const Json& device) {
  const std::string health = text_of(device, "health");
  return {health, health == "healthy" ? Tone::kGood : health == "held" ? Tone::kWarn : Tone::kBad};
}

std::string type_text(const Json& device) {
  const std::string type = text_of(device, "type");
  return flag_of(device, "simulated") ? "simulated: " + type : type;  // a cut end must not hide it
}

std::string grants_text(const Json& device) {
  return std::to_string(list_of(device, "grants").size());
}

// "2 (5 GiB)", "2 (5 GiB resident)", "2 (memory unknown)"; "-" where nobody is outside a grant.
std::string unmanaged_text(const Json& device) {
  const auto found = device.find("unmanaged");
  const std::int64_t processes =
      found == device.end() ? 0 : number_of(*found, "processes").value_or(0);
  if (processes == 0) return "-";
  if (const auto used = number_of(*found, "used_memory_mib"))
    return fmt::format("{} ({})", processes, memory_text(used));
  if (const auto resident = number_of(*found, "resident_memory_mib"))
    return fmt::format("{} ({} resident)", processes, memory_text(resident));
  return fmt::format("{} (memory unknown)", processes);
}

std::vector<Cell> row(const Json& device) {
  const auto memory = [&device](const char* key) { return memory_text(number_of(device, key)); };
  const auto compute = [&device](const char* key) { return compute_text(number_of(device, key)); };
  return {text_of(device, "id"),
          text_of(device, "vendor"),
          type_text(device),
          health_cell(device),
          text_of(device, "enforcement"),
          memory("memory_mib"),
          memory("free_memory_mib"),
          memory("used_memory_mib"),
          compute("free_compute_permille"),
          compute("utilization_permille"),
          grants_text(device),
          unmanaged_text(device),
          std::to_string(number_of(device, "compute_units").value_or(0)),
          text_of(device, "health_reason"),
          text_of(device, "key")};
}

Table device_table(const Json& devices) {
  Table table{.columns = {{.header = "ID"},
                          {.header = "VENDOR", .wide_only = true},
                          {.header = "TYPE", .shrinks = true},
                          {.header = "HEALTH"},
                          {.header = "ENFORCEMENT"},
                          {.header = "MEMORY", .right = true},
                          {.header = "FREE", .right = true},
                          {.header = "USED", .right = true, .spare = 1},
                          {.header = "COMPUTE-FREE", .right = true},
                          {.header = "BUSY", .right = true, .spare = 2},
                          {.header = "GRANTS", .right = true, .spare = 3},
                          {.header = "UNMANAGED", .wide_only = true, .right = true},
                          {.header = "UNITS", .wide_only = true, .right = true},
                          {.header = "REASON", .wide_only = true},
                          {.header = "KEY", .wide_only = true}},
              .rows = {}};
  for (const Json& device : devices) table.rows.push_back(row(device));
  return table;
}

Result<int> devices(Session& session) {
  MELON_TRY(const Json answer, get(session, "/v1/devices"));
  Json documented = Json::array();
  for (const Json& device : answer) documented.push_back(documented_device(device));
  session.print(device_table(answer), documented);
  return kOk;
}

}  // namespace

Command devices_command() {
  return {
      .name = "devices",
      .summary = "List devices, what is free of them and who keeps their limits",
      .description =
          "Where the terminal is narrow, types are cut and columns are left out (USED, BUSY,\n"
          "GRANTS); -o wide shows everything. UNMANAGED: processes on the device outside any\n"
          "grant's limits, and the memory that they hold of it. A CPU device does not tell that;\n"
          "then it is what they have resident of the machine's memory, their buffers among it.",
      .examples = {{"melon devices", "Devices with their free memory and compute"},
                   {"melon devices -o json", "The same for programs"}},
      .run = devices};
}

}  // namespace melon::cli

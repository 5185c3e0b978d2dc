// SPDX-License-Identifier: Apache-2.0
// Writes values as the JSON of the REST contract.
#include "agent/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "config/descriptors.h"
#include "core/names.h"
#include "net/error_body.h"

namespace melon::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Unit>
Json amount(const std::optional<Quantity<Unit>>& value) {
  return value ? Json(value->count()) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json slice_json(const core::Grant& grant, std::size_t index, const SliceUse& use) {
  const core::Slice& slice = grant.slices[index];
  return {{"device", slice.device},
          {"memory_mib", slice.memory.count()},
          {"compute_permille", slice.compute.count()},
          {"share", core::to_text(grant.request.share_mode())},
          {"weight", grant.request.weight},
          {"priority", core::to_text(grant.request.priority)},
          {"ceiling_permille", slice.ceiling.count()},
          {"used_memory_mib", amount(use.memory)},
          {"used_compute_permille", amount(use.compute)},
          {"throttled_permille", amount(use.throttled)}};
}

Json slices_json(const GrantView& view) {
  Json slices = Json::array();
  for (std::size_t i = 0; i < view.grant->slices.size(); ++i)
    slices.push_back(slice_json(*view.grant, i, i < view.use.size() ? view.use[i] : SliceUse{}));
  return slices;
}

Json placements_json(const placement::Placement& placement) {
  Json slices = Json::array();
  for (const core::Slice& slice : placement)
    slices.push_back({{"device", slice.device},
                      {"memory_mib", slice.memory.count()},
                      {"compute_permille", slice.compute.count()},
                      {"ceiling_permille", slice.ceiling.count()}});
  return slices;
}

Json refusal_json(const placement::Refusal& refusal) {
  Json rejections = Json::array();
  for (const placement::Rejection& rejection : refusal.rejections)
    rejections.push_back({{"device", text_or_null(rejection.device)},
                          {"rule", rejection.rule},
                          {"message", rejection.message}});
  return {{"rejections", std::move(rejections)},
          {"memory_that_fits_mib", amount(refusal.memory_that_fits)},
          {"compute_that_fits_permille", amount(refusal.compute_that_fits)},
          {"fits_only_together", refusal.together},
          {"can_ever_fit", refusal.can_ever_fit}};
}

template <class Unit>
void sum(std::optional<Quantity<Unit>>& total, const std::optional<Quantity<Unit>>& part) {
  total = total && part ? std::optional(*total + *part) : std::nullopt;
}

/// When to ask again for what may fit one day.
std::string when_to_ask(const placement::Refusal& refusal, Asked asked) {
  if (asked == Asked::kNewGrant) return "wait for room (--wait)";
  const bool waits_for_others = std::ranges::any_of(
      refusal.rejections, [](const placement::Rejection& found) { return found.rule == "queue"; });
  return waits_for_others ? "ask again when those that wait have started: melon ps"
                          : "ask again when others have ended: melon ps";
}

std::string remedy_of(const placement::Refusal& refusal, Asked asked) {
  std::string remedy;
  if (refusal.memory_that_fits)
    remedy = fmt::format("ask for at most {}MiB of memory", refusal.memory_that_fits->count());
  if (refusal.compute_that_fits)
    remedy += fmt::format("{}ask for at most {} of compute",
                          remedy.empty()     ? ""
                          : refusal.together ? ", and "
                                             : ", or ",
                          melon::to_text(*refusal.compute_that_fits));
  if (refusal.can_ever_fit) remedy += (remedy.empty() ? "" : ", or ") + when_to_ask(refusal, asked);
  if (remedy.empty()) remedy = "see the devices and what they have: melon devices";
  return remedy;
}

}  // namespace

void UnmanagedUse::add(const devlib::MemoryHeld& memory) {
  ++processes;
  sum(used_memory, memory.on_device);
  sum(resident_memory, memory.resident);
}

std::string to_json(const GrantView& view) {
  const core::Grant& grant = *view.grant;
  Json json = {{"name", grant.name},
               {"id", grant.id},
               {"state", core::to_text(grant.state)},
               {"owner", view.owner},
               {"owner_uid", grant.owner}};
  if (view.show_private) json["pids"] = view.pids;
  json["slices"] = slices_json(view);
  json["created"] = to_rfc3339(grant.created_unix_ms);
  json["ended"] = grant.ended_unix_ms == 0 ? Json(nullptr) : Json(to_rfc3339(grant.ended_unix_ms));
  json["exit_code"] = grant.exit_code ? Json(*grant.exit_code) : Json(nullptr);
  json["reason"] = text_or_null(grant.reason);
  if (view.show_private) {
    json["folder"] = text_or_null(view.folder);
    json["arguments"] = grant.arguments;
  }
  json["flags"] = view.flags;
  return dump(json);
}

std::string to_json(const DeviceView& view) {
  const core::Device& device = view.state.device;
  const auto room = [](std::int64_t total, Permille limit, std::int64_t booked) {
    return std::max<std::int64_t>(0, total * limit.count() / kWholeDevice.count() - booked);
  };
  return dump({{"id", device.id},
               {"vendor", device.vendor},
               {"type", device.type},
               {"index", device.index},
               {"health", core::to_text(device.health)},
               {"health_reason", text_or_null(device.health_reason)},
               {"enforcement", core::to_text(device.enforcement)},
               {"simulated", device.simulated},
               {"is_cpu", device.is_cpu},
               {"memory_mib", device.memory.count()},
               {"free_memory_mib",
                room(device.memory.count(), view.limits.memory, view.state.booked_memory.count())},
               {"compute_permille", kWholeDevice.count()},
               {"free_compute_permille",
                room(kWholeDevice.count(), view.limits.compute, view.state.booked_compute.count())},
               {"used_memory_mib", amount(view.used_memory)},
               {"utilization_permille", amount(view.utilization)},
               {"compute_units", device.compute_units},
               {"key", device.key},
               {"grants", view.grants},
               {"unmanaged",
                {{"processes", view.unmanaged.processes},
                 {"used_memory_mib", amount(view.unmanaged.used_memory)},
                 {"resident_memory_mib", amount(view.unmanaged.resident_memory)}}}});
}

std::string to_json(const ProcessView& view) {
  return dump({{"pid", view.pid ? Json(*view.pid) : Json(nullptr)},
               {"user", view.user},
               {"device", text_or_null(view.device)},
               {"grant", text_or_null(view.grant)},
               {"managed", view.managed},
               {"used_memory_mib", amount(view.memory.on_device)},
               {"resident_memory_mib", amount(view.memory.resident)},
               {"command", view.command ? Json(*view.command) : Json(nullptr)}});
}

std::string to_json(const core::Finding& finding) {
  return dump({{"code", finding.code},
               {"severity", finding.severity},
               {"message", finding.message},
               {"meaning", finding.meaning},
               {"remedy", finding.remedy}});
}

std::string to_json(const GrantEnvironment& environment) {
  Json variables = Json::object();
  for (const auto& [name, value] : environment.variables) variables[name] = value;
  Json mounts = Json::array();
  for (const Mount& mount : environment.mounts)
    mounts.push_back(
        {{"source", mount.source}, {"target", mount.target}, {"read_only", mount.read_only}});
  return dump({{"environment", std::move(variables)}, {"mounts", std::move(mounts)}});
}

std::string to_json(const VersionView& view) {
  return dump({{"version", MELON_VERSION},
               {"api", "v1"},
               {"pid", view.pid},
               {"user", view.user},
               {"state_folder", view.state_folder},
               {"preload_library", text_or_null(view.preload_library)}});
}

std::string to_json(const HealthView& view) {
  return dump({{"status", view.stopping ? "stopping" : "ok"},
               {"grants", view.grants},
               {"devices", view.devices},
               {"findings", view.findings}});
}

std::string to_json(const vendors::Descriptor& vendor) { return config::to_answer(vendor); }

std::string plan_json(const placement::Placement& placement) {
  return dump({{"placements", placements_json(placement)}});
}

std::string explanation_json(const core::Grant& grant, const std::string& reason,
                             const std::optional<placement::Refusal>& refusal) {
  Json json = {{"name", grant.name}, {"state", core::to_text(grant.state)}, {"reason", reason}};
  if (refusal) json["refusal"] = refusal_json(*refusal);
  json["placements"] = placements_json(grant.slices);
  return dump(json);
}

std::string event_json(std::int64_t id, std::int64_t unix_ms, const std::string& kind,
                       const std::string& grant, const std::string& message) {
  return dump({{"id", id},
               {"time", to_rfc3339(unix_ms)},
               {"kind", kind},
               {"grant", text_or_null(grant)},
               {"message", message}});
}

std::string json_array(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ","));
}

net::HttpResponse json_answer(int status, std::string body) {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

net::HttpResponse refusal_answer(const placement::Refusal& refusal, Asked asked) {
  std::string message = "the request does not fit";
  std::string separator = ": ";
  for (const placement::Rejection& rejection : refusal.rejections) {
    message += separator;
    if (!rejection.device.empty()) message += rejection.device + ": ";
    message += rejection.message;
    separator = "; ";
  }
  const std::string remedy = remedy_of(refusal, asked);
  const net::ErrorCode& kind = net::error_code_of(Code::kResourceExhausted);
  return json_answer(kind.status, dump({{"error",
                                         {{"code", kind.name},
                                          {"message", message},
                                          {"remedy", remedy},
                                          {"refusal", refusal_json(refusal)}}}}));
}

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Answers as JSON.
#include "kube/answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace melon::kube {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const PlacedContainer& container) {
  Json devices = Json::array();
  for (const PlacedDevice& device : container.devices)
    devices.push_back({{"device", device.uuid},
                       {"backend", device.backend},
                       {"type", device.type},
                       {"memory_mib", device.memory_mib},
                       {"compute", device.compute}});
  return {{"name", container.name},
          {"devices", std::move(devices)},
          {"environment", container.environment}};
}

Json reasons_json(const std::vector<Reason>& reasons) {
  Json list = Json::array();
  for (const Reason& reason : reasons)
    list.push_back({{"reason", reason.text}, {"nodes", reason.nodes}, {"example", reason.example}});
  return list;
}

Json to_json(const Victims& victims) {
  return {{"node", victims.node},
          {"pods", victims.pods},
          {"highest_priority", victims.highest_priority},
          {"is_least", victims.is_least}};
}

Json nodes_json(const std::vector<Reason>& by_node) {
  Json nodes = Json::array();
  for (const Reason& node : by_node) nodes.push_back({{"node", node.text}, {"fit", node.nodes}});
  return nodes;
}

void add_text(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

}  // namespace

Json to_json(const Answer& answer) {
  Json json = {{"pod", answer.pod}, {"placed", answer.is_placed()}};
  add_text(json, "refusal", answer.refusal);
  add_text(json, "remedy", answer.remedy);
  add_text(json, "node", answer.node);
  if (answer.is_placed()) {
    json["containers"] = Json::array();
    for (const PlacedContainer& container : answer.containers)
      json["containers"].push_back(to_json(container));
    json["annotations"] = answer.annotations;
  } else {
    json["reasons"] = reasons_json(answer.reasons);
    add_text(json, "nearest", answer.nearest);
  }
  if (answer.preemption) json["preemption"] = to_json(*answer.preemption);
  add_text(json, "policy", answer.policy);
  add_text(json, "policy_reason", answer.policy_reason);
  json["not_evaluated"] = answer.not_evaluated;
  return json;
}

Json to_json(const Capacity& capacity) {
  return {{"fit", capacity.fit},
          {"at_least", capacity.at_least},
          {"nodes", nodes_json(capacity.by_node)},
          {"next", to_json(capacity.next)}};
}

Json to_json(const GangFit& gang) {
  Json json = {{"placed", gang.is_placed()},
               {"asked", gang.asked},
               {"fit", gang.fit},
               {"nodes", nodes_json(gang.by_node)}};
  if (gang.next) json["next"] = to_json(*gang.next);
  return json;
}

std::string to_text(const PodMove& move) {
  return fmt::format("{}: {} {} -> {} {}", move.pod, move.from, fmt::join(move.from_devices, " "),
                     move.to, fmt::join(move.to_devices, " "));
}

Json to_json(const MoveAdvice& advice) {
  Json moves = Json::array();
  for (const PodMove& move : advice.moves) {
    Json frees = Json::array();
    for (const NodeDevice& freed : move.frees)
      frees.push_back({{"node", freed.node}, {"device", freed.device}});
    moves.push_back({{"pod", move.pod},
                     {"from", {{"node", move.from}, {"devices", move.from_devices}}},
                     {"to", {{"node", move.to}, {"devices", move.to_devices}}},
                     {"frees", std::move(frees)}});
  }
  Json kept = Json::array();
  for (const Reason& reason : advice.kept)
    kept.push_back({{"reason", reason.text}, {"pods", reason.nodes}, {"example", reason.example}});
  return {{"free_before", advice.free_before},
          {"free_after", advice.free_after},
          {"moves", std::move(moves)},
          {"kept", std::move(kept)}};
}

Json to_json(const std::vector<SetAside>& set_aside) {
  Json list = Json::array();
  for (const SetAside& object : set_aside)
    list.push_back(
        {{"object", object.object}, {"problem", object.problem}, {"remedy", object.remedy}});
  return list;
}

}  // namespace melon::kube

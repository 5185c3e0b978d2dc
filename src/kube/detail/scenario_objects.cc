// SPDX-License-Identifier: Apache-2.0
// Writes out the short nodes and pods of a scenario as Kubernetes has them.
#include <nlohmann/json.hpp>

#include "kube/detail/scenario_parts.h"
#include "kube/read_objects.h"

namespace melon::kube::detail {
namespace {

using Json = nlohmann::json;

std::string as_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Texts, or what stands for its JSON.
Json texts(const Json& object, const char* key) {
  Json result = Json::object();
  const Json members = object.value(key, Json::object());
  for (const auto& [name, value] : members.items()) result[name] = as_text(value);
  return result;
}

Json metadata(const Json& object) {
  Json result = {{"name", object["name"]},
                 {"labels", texts(object, "labels")},
                 {"annotations", texts(object, "annotations")}};
  if (object.contains("owner"))
    result["ownerReferences"] = {
        {{"kind", object["owner"]}, {"name", object["name"]}, {"controller", true}}};
  if (object.contains("namespace")) result["namespace"] = object["namespace"];
  return result;
}

Json node_object(const Json& node) {
  Json allocatable = {{"cpu", "64"}, {"memory", "256Gi"}, {"pods", "110"}};
  allocatable.update(texts(node, "capacity"));
  Json spec = {{"unschedulable", node.value("unschedulable", false)},
               {"taints", node.value("taints", Json::array())}};
  return {{"kind", "Node"},
          {"metadata", metadata(node)},
          {"spec", std::move(spec)},
          {"status", {{"capacity", allocatable}, {"allocatable", allocatable}}}};
}

Json container_object(const Json& container) {
  Json object = {
      {"name", container["name"]},
      {"ports", container.value("ports", Json::array())},
      {"resources",
       {{"limits", texts(container, "limits")}, {"requests", texts(container, "requests")}}}};
  if (container.value("role", "app") == "sidecar") object["restartPolicy"] = "Always";
  return object;
}

Json pod_object(const Json& pod) {
  Json spec = pod.value("spec", Json::object());
  Json& init = spec["initContainers"] = Json::array();
  Json& apps = spec["containers"] = Json::array();
  const Json only = {{"name", "main"}, {"limits", pod.value("limits", Json::object())}};
  for (const Json& container : pod.value("containers", Json::array({only})))
    (container.value("role", "app") == "app" ? apps : init).push_back(container_object(container));
  Json status = Json::object();
  if (pod.contains("node")) {
    spec["nodeName"] = pod["node"];
    status["phase"] = "Running";
  }
  return {{"kind", "Pod"}, {"metadata", metadata(pod)}, {"spec", spec}, {"status", status}};
}

Objects read_list(const std::string& origin, const Json& items) {
  Objects objects;
  // A list that was just written is whole, so that nothing but its items can be wrong.
  (void)read_objects(origin, Json{{"kind", "List"}, {"items", items}}.dump(), objects);
  return objects;
}

}  // namespace

Objects cluster_of(const std::string& origin, const Json& scenario) {
  Json items = scenario.value("objects", Json::array());
  for (const Json& node : scenario.value("nodes", Json::array()))
    items.push_back(node_object(node));
  for (const Json& pod : scenario.value("running", Json::array())) items.push_back(pod_object(pod));
  return read_list(origin, items);
}

Objects pod_of(const std::string& origin, const Json& short_pod) {
  return read_list(origin, Json::array({pod_object(short_pod)}));
}

}  // namespace melon::kube::detail

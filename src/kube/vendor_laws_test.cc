// SPDX-License-Identifier: Apache-2.0
// Laws of what becomes of pods, over random small clusters of every built-in vendor, every policy
// and every compatibility mode: the whole way from a node's annotations to a pod's.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "config/descriptors.h"
#include "kube/cluster.h"
#include "kube/what_if.h"
#include "placement/policy.h"

namespace melon::kube {
namespace {

using Json = nlohmann::ordered_json;
using vendors::Backend;
using vendors::RegistrationFormat;

int any(int least, int below) { return *rc::gen::inRange(least, below); }

const std::vector<vendors::Descriptor>& built_in() {
  static const auto kDescriptors = config::load_descriptors("").value();
  return kDescriptors;
}

std::vector<const Backend*> all_backends() {
  std::vector<const Backend*> backends;
  for (const vendors::Descriptor& descriptor : built_in())
    for (const Backend& backend : descriptor.backends) backends.push_back(&backend);
  return backends;
}

/// A device as its node tells of it.
struct Device {
  std::string uuid = {};
  std::int64_t index = 0;
  std::int64_t slots = 0;
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;
  std::string type = {};
  std::string mode = {};
  int group = 0;
};

/// The memory of a device that the backend's rules know.
std::int64_t memory_of(const Backend& backend) {
  if (backend.memory.whole.count() != 0) return backend.memory.whole.count();
  if (!backend.memory.tiers_mib.empty()) return backend.memory.tiers_mib.back();
  return *rc::gen::element<std::int64_t>(8192, 16384, 49152);
}

Device any_device(const Backend& backend, const std::string& node, int index) {
  Device device{.uuid = fmt::format("{}-{}-{}", node, backend.word, index),
                .index = index,
                .slots = any(1, 5),
                .memory_mib = memory_of(backend),
                .compute = 100,
                .type = backend.word,
                .group = any(0, 2)};
  if (backend.compute.unit == vendors::ComputeUnit::kComputeUnits) device.compute = 60;
  if (backend.word != "NVIDIA") return device;
  device.type = *rc::gen::element<std::string>("NVIDIA T4", "NVIDIA A100-SXM4-80GB", "NVIDIA B200");
  if (device.type == "NVIDIA T4") return device;
  device.mode = "mig";
  device.slots = 7;
  device.memory_mib = 81920;
  return device;
}

std::string json_of(const std::vector<Device>& devices) {
  Json list = Json::array();
  for (const Device& one : devices)
    list.push_back({{"id", one.uuid},
                    {"index", one.index},
                    {"count", one.slots},
                    {"devmem", one.memory_mib},
                    {"devcore", one.compute},
                    {"type", one.type},
                    {"mode", one.mode.empty() ? "hami-core" : one.mode},
                    {"health", true},
                    {"custominfo", {{"NetworkID", one.group}, {"AIC", one.group}}}});
  return list.dump();
}

std::string delimited_of(const std::vector<Device>& devices) {
  std::string text;
  for (const Device& one : devices)
    text += fmt::format("{},{},{},{},{},0,true,{},hami-core:", one.uuid, one.slots, one.memory_mib,
                        one.compute, one.type, one.index);
  return text;
}

std::string metax_of(const std::vector<Device>& devices) {
  Json list = Json::array();
  for (const Device& one : devices)
    list.push_back({{"uuid", one.uuid},
                    {"model", "sgpu"},
                    {"totalDevCount", one.slots},
                    {"totalCompute", one.compute},
                    {"totalVRam", one.memory_mib},
                    {"healthy", true},
                    {"linkZone", one.group}});
  return list.dump();
}

std::string enflame_of(const std::vector<Device>& devices) {
  Json list = Json::array();
  for (const Device& one : devices)
    list.push_back({{"index", std::to_string(one.index)},
                    {"minor", std::to_string(one.index)},
                    {"capacity", 6}});
  return Json{{"devices", list},
              {"profiles", {{"1g.8gb", "0"}, {"2g.16gb", "1"}, {"3g.24gb", "2"}, {"6g.48gb", "3"}}}}
      .dump();
}

/// Capacities that make some devices by the rule.
void add_capacity(const Backend& backend, const vendors::Registration& rule, std::int64_t devices,
                  ResourceList& capacity) {
  const auto set = [&](const std::string& name, std::int64_t amount) {
    if (!name.empty()) capacity[name] = std::to_string(amount);
  };
  const std::int64_t compute =
      rule.devices_from == vendors::CapacityOf::kCompute ? rule.per_device : 2;
  set(backend.resources.count, devices);
  set(backend.resources.compute, devices * compute);
  set(backend.resources.memory, devices * std::int64_t{96});
  set(rule.devices_resource, devices);
  set(rule.slots_resource, devices * std::int64_t{4});
}

/// What a node has of one backend.
struct Fleet {
  const Backend* backend = nullptr;
  std::vector<Device> devices = {};
};

Fleet any_fleet(const Backend& backend, const std::string& node) {
  Fleet fleet{.backend = &backend};
  const int count = backend.picker.kind == vendors::PickerKind::kWings ? 8 : any(1, 5);
  for (int i = 0; i < count; ++i) fleet.devices.push_back(any_device(backend, node, i));
  return fleet;
}

void tell(const Fleet& fleet, Node& node) {
  const vendors::Registration& rule = fleet.backend->registrations.front();
  std::string text;
  switch (rule.format) {
    case RegistrationFormat::kCapacity:
      return add_capacity(*fleet.backend, rule, std::ssize(fleet.devices), node.allocatable);
    case RegistrationFormat::kDelimited:
      text = delimited_of(fleet.devices);
      break;
    case RegistrationFormat::kMetax:
      text = metax_of(fleet.devices);
      break;
    case RegistrationFormat::kEnflame:
      text = enflame_of(fleet.devices);
      break;
    case RegistrationFormat::kJson:
    case RegistrationFormat::kVolcano:
      text = json_of(fleet.devices);
      break;
  }
  node.metadata.annotations[rule.annotation] = text;
}

/// The same devices in another order, where their node says which is which.
Fleet reversed(Fleet fleet) {
  if (fleet.backend->registrations.front().format != RegistrationFormat::kMetax)
    std::ranges::reverse(fleet.devices);
  return fleet;
}

std::int64_t any_memory(const Backend& backend) {
  if (!backend.memory.legal_units.empty()) return *rc::gen::elementOf(backend.memory.legal_units);
  if (backend.memory.unit_mib == 1)
    return *rc::gen::element<std::int64_t>(1000, 4000, 16000, 30000);
  return *rc::gen::element<std::int64_t>(1, 4, 16, 64);
}

/// What a container asks of a backend.
ResourceList any_limits(const Backend& backend) {
  ResourceList limits;
  limits[backend.resources.count] =
      std::to_string(*rc::gen::weightedElement<int>({{6, 1}, {2, 2}, {1, 4}}));
  if (!backend.resources.memory.empty() && any(0, 3) > 0)
    limits[backend.resources.memory] = std::to_string(any_memory(backend));
  if (!backend.resources.memory_percentage.empty() && any(0, 4) == 0)
    limits[backend.resources.memory_percentage] = std::to_string(any(1, 101));
  if (!backend.resources.compute.empty() && any(0, 2) == 0 && !backend.compute.only_in_soft_mode)
    limits[backend.resources.compute] =
        std::to_string(*rc::gen::element<int>(1, 4, 8, 25, 50, 100));
  return limits;
}

Pod any_pod(const std::vector<const Backend*>& backends, int number) {
  Pod pod{.metadata = {.namespace_name = "default", .name = fmt::format("p{}", number)}};
  const int containers = *rc::gen::weightedElement<int>({{4, 1}, {1, 2}});
  for (int i = 0; i < containers; ++i)
    pod.containers.push_back(
        {.name = fmt::format("c{}", i),
         .role = i + 1 < containers && any(0, 2) == 0 ? ContainerRole::kInit : ContainerRole::kApp,
         .limits = any_limits(
             *backends[static_cast<std::size_t>(any(0, static_cast<int>(backends.size())))])});
  return pod;
}

/// A cluster of one or two vendors, the same with its devices told the other way round, and pods
/// that come to it.
struct Case {
  std::vector<Node> nodes = {};
  std::vector<Node> reversed = {};
  std::vector<Pod> pods = {};
  std::vector<Pod> probes = {};
  WhatIfOptions options = {};

  WhatIf what_if(const std::vector<Node>& of, std::vector<Pod> running = {}) const {
    Objects objects;
    objects.nodes = of;
    objects.pods = std::move(running);
    WhatIf made = WhatIf::make(objects, built_in(), options).value();
    for (const SetAside& one : made.set_aside()) RC_FAIL(one.object + ": " + one.problem);
    return made;
  }
};

Node any_node(const std::string& name) {
  Node node{.metadata = {.name = name}};
  node.metadata.labels["node.kubernetes.io/instance-type"] =
      *rc::gen::element<std::string>("inf2.24xlarge", "trn1.32xlarge");
  return node;
}

Case any_case() {
  static const auto kBackends = all_backends();
  std::set<const Backend*> some = {*rc::gen::elementOf(kBackends)};
  if (any(0, 3) == 0) some.insert(*rc::gen::elementOf(kBackends));
  const std::vector<const Backend*> backends(some.begin(), some.end());
  Case one;
  for (int i = 0; i < any(1, 3); ++i) {
    Node node = any_node(fmt::format("n{}", i));
    Node other = node;
    for (const Backend* const backend : backends) {
      const Fleet fleet = any_fleet(*backend, node.metadata.name);
      tell(fleet, node);
      tell(reversed(fleet), other);
    }
    one.nodes.push_back(std::move(node));
    one.reversed.push_back(std::move(other));
  }
  for (int i = 0; i < any(1, 12); ++i) one.pods.push_back(any_pod(backends, i));
  for (int i = 0; i < 3; ++i) one.probes.push_back(any_pod(backends, 100 + i));
  const auto policies = placement::policies();
  const int policy = any(0, static_cast<int>(policies.size()));
  one.options = {
      .policy = std::string(policies[static_cast<std::size_t>(policy)].name),
      .compat = *rc::gen::element(vendors::Compatibility::kNone, vendors::Compatibility::kHami29,
                                  vendors::Compatibility::kHami210)};
  RC_LOG() << one.options.policy << " " << vendors::word_of(one.options.compat) << "\n";
  for (const Node& node : one.nodes)
    for (const auto& [key, text] : node.metadata.annotations) RC_LOG() << key << text << "\n";
  for (const Pod& pod : one.pods)
    for (const Container& container : pod.containers)
      for (const auto& [key, text] : container.limits)
        RC_LOG() << pod.metadata.name << "/" << container.name << " " << key << "=" << text << "\n";
  return one;
}

/// Sums over what runs at a time on each device: the largest initial container, or all others.
struct Held {
  std::int64_t slots = 0;
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;
  std::map<std::string, std::int64_t> costs = {};
};

const Backend& backend_of(const std::string& word) {
  for (const Backend* const backend : all_backends())
    if (backend->word == word) return *backend;
  RC_FAIL("no backend " + word);
}

void hold(Held& held, const PlacedDevice& device) {
  ++held.slots;
  held.memory_mib += device.memory_mib;
  held.compute += device.compute;
  for (const vendors::Template& one : backend_of(device.backend).memory.templates)
    if (one.memory.count() == device.memory_mib)
      for (const auto& [name, cost] : one.cost) held.costs[name] += cost;
}

using OnDevices = std::map<std::string, Held>;  // by uuid

void add_apps(const Pod& pod, const Answer& answer, OnDevices& all) {
  for (const PlacedContainer& container : answer.containers) {
    const auto asked = std::ranges::find(pod.containers, container.name, &Container::name);
    if (asked->role != ContainerRole::kApp) continue;
    for (const PlacedDevice& device : container.devices) hold(all[device.uuid], device);
  }
}

RC_GTEST_PROP(VendorLaws, NothingIsOvercommitted, ()) {
  const Case one = any_case();
  WhatIf what_if = one.what_if(one.nodes);
  OnDevices all;
  for (const Pod& pod : one.pods) add_apps(pod, what_if.place(pod), all);
  RC_CLASSIFY(all.size() > 1, "several devices in use");
  Objects objects;
  objects.nodes = one.nodes;
  const vendors::Catalogue catalogue(built_in());
  const Cluster cluster = to_cluster(objects, catalogue, one.options.compat, 0);
  for (const placement::NodeSpec& node : cluster.nodes)
    for (const placement::DeviceSpec& device : node.devices) {
      const Held& held = all[device.uuid];
      const bool is_cut = device.capacity[placement::kPlaces] > 0;
      RC_ASSERT(held.slots <= device.capacity[placement::kSlots]);
      RC_ASSERT(held.memory_mib <= device.capacity[placement::kMemory]);
      if (!is_cut) RC_ASSERT(held.compute <= device.capacity[placement::kCompute]);
      for (const auto& [name, most] : backend_of(device.vendor).dimensions)
        if (const auto cost = held.costs.find(name); cost != held.costs.end())
          RC_ASSERT(cost->second <= most);
    }
}

/// One chip, pods that each ask for a part of it: what a chip has decides, and nothing else.
RC_GTEST_PROP(VendorLaws, PartsOfOneChipAreRefusedOnlyWhereSomethingIsUsedUp, ()) {
  std::vector<const Backend*> chips;
  for (const Backend* const backend : all_backends())
    if (!backend->memory.templates.empty() && !backend->count.pairs) chips.push_back(backend);
  const Backend& chip = **rc::gen::elementOf(chips);
  Node node = any_node("n0");
  const std::int64_t whole = chip.memory.whole.count();
  tell({&chip,
        {{.uuid = "chip", .slots = 32, .memory_mib = whole, .compute = 100, .type = chip.word}}},
       node);
  WhatIf what_if = Case{}.what_if({node});
  std::int64_t memory = 0;
  std::map<std::string, std::int64_t> costs;
  for (int i = 0; i < any(1, 20); ++i) {
    const vendors::Template& part = *rc::gen::elementOf(chip.memory.templates);
    memory += part.memory.count();
    bool fits = memory <= whole;
    for (const auto& [name, cost] : part.cost) {
      costs[name] += cost;
      fits = fits && costs[name] <= chip.dimensions.at(name);
    }
    Pod pod{.metadata = {.namespace_name = "default", .name = fmt::format("p{}", i)}};
    pod.containers.push_back(
        {.name = "c",
         .limits = {{chip.resources.count, "1"},
                    {chip.resources.memory, std::to_string(part.memory.count())}}});
    const Answer answer = what_if.place(pod);
    RC_LOG() << chip.word << " " << part.name << ": " << answer.refusal << "\n";
    for (const Reason& reason : answer.reasons) RC_LOG() << reason.text << "\n";
    RC_ASSERT(answer.is_placed() == fits);
    if (fits) continue;
    memory -= part.memory.count();
    for (const auto& [name, cost] : part.cost) costs[name] -= cost;
  }
}

/// "n0: c0 u1 4000/30, ..."; empty without a place.
std::string text_of(const Answer& answer) {
  if (!answer.is_placed()) return {};
  std::string text = answer.node + ":";
  for (const PlacedContainer& container : answer.containers)
    for (const PlacedDevice& device : container.devices)
      text += fmt::format(" {} {} {}/{}", container.name, device.uuid, device.memory_mib,
                          device.compute);
  return text;
}

RC_GTEST_PROP(VendorLaws, TheOrderInWhichDevicesAreToldDoesNotMatter, ()) {
  const Case one = any_case();
  WhatIf what_if = one.what_if(one.nodes);
  WhatIf other = one.what_if(one.reversed);
  for (const Pod& pod : one.pods)
    RC_ASSERT(text_of(what_if.place(pod)) == text_of(other.place(pod)));
}

RC_GTEST_PROP(VendorLaws, Z3AfterARestartAllIsAsAnnotationsTell, ()) {
  const Case one = any_case();
  const bool is_same_policy = !placement::find_policy(one.options.policy)->uses_gain ||
                              vendors::is_compatible(one.options.compat);
  WhatIf what_if = one.what_if(one.nodes);
  std::vector<Pod> running;
  for (Pod pod : one.pods) {
    const Answer answer = what_if.place(pod);
    if (!answer.is_placed()) continue;
    pod.node_name = answer.node;
    pod.metadata.annotations = answer.annotations;
    running.push_back(std::move(pod));
  }
  WhatIf restarted = one.what_if(one.nodes, running);
  for (const Pod& probe : one.probes) {
    const std::string before = text_of(what_if.ask(probe));
    const std::string after = text_of(restarted.ask(probe));
    RC_ASSERT(before.empty() == after.empty());
    if (is_same_policy) RC_ASSERT(before == after);
  }
}

RC_GTEST_PROP(VendorLaws, WhatIsPlacedAndTakenBackLeavesNothing, ()) {
  const Case one = any_case();
  WhatIf what_if = one.what_if(one.nodes);
  for (const Pod& pod : one.pods) what_if.place(pod);
  for (const Pod& probe : one.probes) {
    const std::string before = text_of(what_if.ask(probe));
    const Capacity capacity = what_if.capacity(probe);
    RC_ASSERT(text_of(what_if.ask(probe)) == before);
    RC_ASSERT(before.empty() == (capacity.fit == 0));
  }
}

}  // namespace
}  // namespace melon::kube

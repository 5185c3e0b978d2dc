// SPDX-License-Identifier: Apache-2.0
// Reads pods from their fields.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/kube_quantity.h"
#include "base/time_text.h"
#include "kube/detail/object_fields.h"

namespace melon::kube::detail {
namespace {

using Operator = SelectorRule::Operator;

constexpr std::array kOperators = {
    std::pair{std::string_view("In"), Operator::kIn},
    std::pair{std::string_view("NotIn"), Operator::kNotIn},
    std::pair{std::string_view("Exists"), Operator::kExists},
    std::pair{std::string_view("DoesNotExist"), Operator::kDoesNotExist},
    std::pair{std::string_view("Gt"), Operator::kGt},
    std::pair{std::string_view("Lt"), Operator::kLt}};

bool is_whole_number(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

void check_values(const SelectorRule& rule, const Field& values) {
  switch (rule.op) {
    case Operator::kIn:
    case Operator::kNotIn:
      if (rule.values.empty()) values.refuse("In and NotIn need values");
      return;
    case Operator::kGt:
    case Operator::kLt:
      if (rule.values.size() != 1 || !is_whole_number(rule.values.front()))
        values.refuse("Gt and Lt need one whole number");
      return;
    case Operator::kExists:
    case Operator::kDoesNotExist:
      if (!rule.values.empty()) values.refuse("Exists and DoesNotExist take no values");
      return;
  }
}

}  // namespace

SelectorRule read_rule(const Field& at) {
  SelectorRule rule{.key = at.at("key").text(), .values = at.at("values").text_list()};
  const std::string word = at.at("operator").text();
  const auto* const found =
      std::ranges::find_if(kOperators, [&word](const auto& known) { return known.first == word; });
  if (found == kOperators.end()) {
    at.at("operator").refuse("expected In, NotIn, Exists, DoesNotExist, Gt or Lt");
    return rule;
  }
  rule.op = found->second;
  if (rule.key.empty()) at.at("key").refuse("a selector names a key");
  check_values(rule, at.at("values"));
  return rule;
}

namespace {

SelectorTerm read_term(const Field& at) {
  SelectorTerm term;
  at.at("matchExpressions").each([&term](const Field& rule) {
    term.labels.push_back(read_rule(rule));
  });
  at.at("matchFields").each([&term](const Field& rule) {
    term.fields.push_back(read_rule(rule));
    if (term.fields.back().key != "metadata.name")
      rule.at("key").refuse("the only field of a node that can be asked for is metadata.name");
  });
  return term;
}

std::optional<std::vector<SelectorTerm>> read_affinity(const Field& spec) {
  const Field required =
      spec.at("affinity").at("nodeAffinity").at("requiredDuringSchedulingIgnoredDuringExecution");
  if (!required.is_there()) return std::nullopt;
  std::vector<SelectorTerm> terms;
  required.at("nodeSelectorTerms").each([&terms](const Field& term) {
    terms.push_back(read_term(term));
  });
  if (terms.empty()) required.at("nodeSelectorTerms").refuse("required affinity has a term");
  return terms;
}

PodToleration read_toleration(const Field& at) {
  PodToleration toleration{
      .key = at.at("key").text(), .value = at.at("value").text(), .effect = at.at("effect").text()};
  const std::string word = at.at("operator").text();
  if (word == "Exists") toleration.op = PodToleration::Operator::kExists;
  if (!word.empty() && word != "Exists" && word != "Equal")
    at.at("operator").refuse("expected Equal or Exists");
  if (toleration.op == PodToleration::Operator::kExists && !toleration.value.empty())
    at.at("value").refuse("Exists takes no value");
  if (toleration.op == PodToleration::Operator::kEqual && toleration.key.empty())
    at.at("key").refuse("without a key the operator is Exists");
  return toleration;
}

/// What a port takes of the node: its host port, or in the host's network the port itself; number 0
/// where it takes none.
ContainerPort host_port(const Field& at, bool has_host_network) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint16_t>::max();
  const std::int64_t host = at.at("hostPort").whole(0, kMost);
  const std::int64_t own = at.at("containerPort").whole(0, kMost);
  ContainerPort port{
      .number = static_cast<std::uint16_t>(host == 0 && has_host_network ? own : host),
      .address = at.at("hostIP").text()};
  if (port.address == "0.0.0.0" || port.address == "::") port.address.clear();
  const std::string protocol = at.at("protocol").text();
  constexpr std::array<std::string_view, 3> kProtocols = {"TCP", "UDP", "SCTP"};
  if (!protocol.empty()) port.protocol = protocol;
  if (std::ranges::find(kProtocols, port.protocol) == kProtocols.end())
    at.at("protocol").refuse("a protocol is TCP, UDP or SCTP");
  return port;
}

Container read_container(const Field& at, ContainerRole role, bool has_host_network) {
  const Field resources = at.at("resources");
  Container container{.name = at.at("name").text(),
                      .role = role,
                      .limits = resources.at("limits").amounts(),
                      .requests = resources.at("requests").amounts(),
                      .privileged = at.at("securityContext").at("privileged").flag()};
  if (container.name.empty()) at.at("name").refuse("a container has a name");
  const bool stays = at.at("restartPolicy").text() == "Always";
  if (role == ContainerRole::kInit && stays) container.role = ContainerRole::kSidecar;
  at.at("ports").each([&](const Field& port) {
    if (ContainerPort taken = host_port(port, has_host_network); taken.number != 0)
      container.host_ports.push_back(std::move(taken));
  });
  return container;
}

void read_containers(const Field& spec, Pod& pod) {
  const bool has_host_network = spec.at("hostNetwork").flag();
  spec.at("initContainers").each([&](const Field& at) {
    pod.containers.push_back(read_container(at, ContainerRole::kInit, has_host_network));
  });
  const Field apps = spec.at("containers");
  apps.each([&](const Field& at) {
    pod.containers.push_back(read_container(at, ContainerRole::kApp, has_host_network));
  });
  if (apps.size() == 0) apps.refuse("a pod has a container");
  std::set<std::string_view> names;
  for (const Container& container : pod.containers)
    if (!names.insert(container.name).second)
      spec.refuse("two containers are called '" + container.name + "'");
}

/// Two amounts as one.
std::string sum_of(const std::string& a, const std::string& b) {
  const auto first = parse_kube_quantity(a);
  const auto second = parse_kube_quantity(b);
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
  // What is none, or too much, is told by whoever reads it.
  if (!first || first->whole > kMost) return a;
  if (!second || second->whole > kMost) return b;
  constexpr std::int64_t kWhole = 1'000'000'000;
  const std::int64_t billionths = first->billionths + second->billionths;
  return fmt::format("{}.{:09}", first->whole + second->whole + billionths / kWhole,
                     billionths % kWhole);
}

bool is_huge_page(std::string_view name) { return name.starts_with("hugepages-"); }

/// What the pod asks for as a whole. Of what has a limit alone containers decide, where one of them
/// asks for it; huge pages are as many as their limit.
ResourceList asked_as_a_whole(const Field& resources, const Pod& pod) {
  ResourceList asked = resources.at("requests").amounts();
  const ResourceList limits = resources.at("limits").amounts();
  for (const auto& [name, amount] : limits) {
    const bool is_of_containers =
        std::ranges::any_of(pod.containers, [&key = name](const Container& container) {
          return container.requests.contains(key) || container.limits.contains(key);
        });
    if (is_huge_page(name) || !is_of_containers) asked.emplace(name, amount);
  }
  const auto check = [&resources](const ResourceList& list) {
    for (const auto& [name, amount] : list)
      if (name != "cpu" && name != "memory" && !is_huge_page(name))
        resources.refuse(name +
                         " is asked for by the pod as a whole, and Kubernetes takes cpu, memory "
                         "and hugepages-SIZE there alone");
  };
  check(limits);
  check(asked);
  return asked;
}

/// What a pod asks for as a whole counts instead of the sum of its containers: beside them, as the
/// overhead does, and theirs no more.
void read_whole(const Field& spec, Pod& pod) {
  for (const auto& [name, amount] : asked_as_a_whole(spec.at("resources"), pod)) {
    for (Container& container : pod.containers) {
      container.requests.erase(name);
      container.limits.erase(name);
    }
    const auto [own, is_new] = pod.overhead.emplace(name, amount);
    if (!is_new) own->second = sum_of(own->second, amount);
  }
}

bool init_is_done(const Field& status, const Pod& pod) {
  std::set<std::string> done;
  status.at("initContainerStatuses").each([&done](const Field& at) {
    const Field end = at.at("state").at("terminated");
    constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
    if (end.is_there() && end.at("exitCode").whole(-kAny, kAny) == 0)
      done.insert(at.at("name").text());
  });
  return std::ranges::all_of(pod.containers, [&done](const Container& container) {
    return container.role != ContainerRole::kInit || done.contains(container.name);
  });
}

bool has_claims(const Field& volumes) {
  bool found = false;
  volumes.each([&found](const Field& volume) {
    for (const char* const kind : {"persistentVolumeClaim", "ephemeral", "csi"})
      found = found || volume.at(kind).is_there();
  });
  return found;
}

std::vector<std::string> not_evaluated(const Field& spec) {
  std::vector<std::string> names;
  const auto note = [&names](bool is_asked, const char* name) {
    if (is_asked) names.emplace_back(name);
  };
  const Field affinity = spec.at("affinity");
  note(has_claims(spec.at("volumes")), "volumes");
  note(spec.at("topologySpreadConstraints").size() > 0, "topology spread");
  note(affinity.at("podAffinity").is_there(), "pod affinity");
  note(affinity.at("podAntiAffinity").is_there(), "pod anti-affinity");
  note(affinity.at("nodeAffinity").at("preferredDuringSchedulingIgnoredDuringExecution").size() > 0,
       "preferred node affinity");
  note(spec.at("resourceClaims").size() > 0, "resource claims");
  note(spec.at("schedulingGates").size() > 0, "scheduling gates");
  return names;
}

/// When a pod started, else when it was created; 0 where neither is told, or is no time.
std::int64_t started(const Field& root) {
  constexpr std::int64_t kMillis = 1000;
  for (const Field& field :
       {root.at("status").at("startTime"), root.at("metadata").at("creationTimestamp")})
    if (const auto at = parse_rfc3339(field.text())) return *at / kMillis;
  return 0;
}

/// Labels and annotations by which schedulers of gangs say which pods belong together: those of the
/// scheduler plugins, today's and older ones, Volcano's and Kueue's.
constexpr std::array<const char*, 5> kGangKeys = {
    "scheduling.x-k8s.io/pod-group", "pod-group.scheduling.sigs.k8s.io",
    "pod-group.scheduling.sigs.k8s.io/name", "scheduling.k8s.io/group-name",
    "kueue.x-k8s.io/pod-group-name"};
constexpr std::array<const char*, 2> kGangSizeKeys = {
    "pod-group.scheduling.sigs.k8s.io/min-available", "kueue.x-k8s.io/pod-group-total-count"};

template <std::size_t kCount>
std::string first_of(const Metadata& metadata, const std::array<const char*, kCount>& keys) {
  for (const char* const key : keys)
    for (const TextMap* const texts : {&metadata.labels, &metadata.annotations})
      if (const auto found = texts->find(key); found != texts->end()) return found->second;
  return {};
}

void read_gang(const Field& root, Pod& pod) {
  pod.gang = root.at("spec").at("schedulingGroup").at("podGroupName").text();
  if (pod.gang.empty()) pod.gang = first_of(pod.metadata, kGangKeys);
  const std::string size = first_of(pod.metadata, kGangSizeKeys);
  if (size.empty()) return;
  const char* const end = size.data() + size.size();
  const auto [rest, error] = std::from_chars(size.data(), end, pod.gang_least);
  if (error != std::errc{} || rest != end || pod.gang_least < 0)
    root.at("metadata").refuse("the size of its group, '" + size + "', is no number");
}

std::string controller_kind(const Field& metadata) {
  std::string kind;
  metadata.at("ownerReferences").each([&kind](const Field& owner) {
    if (owner.at("controller").flag()) kind = owner.at("kind").text();
  });
  return kind;
}

/// The kubelet writes where a pod of its own is from; such pods are seen here, and ended nowhere.
bool is_static(const Metadata& metadata) {
  if (metadata.annotations.contains("kubernetes.io/config.mirror")) return true;
  const auto source = metadata.annotations.find("kubernetes.io/config.source");
  return source != metadata.annotations.end() && source->second != "api";
}

}  // namespace

Pod read_pod(const Field& root) {
  const Field spec = root.at("spec");
  const Field status = root.at("status");
  Pod pod{.metadata = read_metadata(root, true),
          .node_name = spec.at("nodeName").text(),
          .phase = status.at("phase").text(),
          .priority_class = spec.at("priorityClassName").text(),
          .preemption_policy = spec.at("preemptionPolicy").text(),
          .started_unix_seconds = started(root),
          .node_selector = spec.at("nodeSelector").texts(),
          .affinity = read_affinity(spec),
          .overhead = spec.at("overhead").amounts(),
          .not_evaluated = not_evaluated(spec)};
  spec.at("tolerations").each([&pod](const Field& at) {
    pod.tolerations.push_back(read_toleration(at));
  });
  read_containers(spec, pod);
  read_whole(spec, pod);
  pod.init_is_done = init_is_done(status, pod);
  read_gang(root, pod);
  pod.owner_kind = controller_kind(root.at("metadata"));
  if (const Field at = spec.at("priority"); at.is_there()) pod.priority = read_priority(at);
  pod.is_ending = root.at("metadata").at("deletionTimestamp").is_there();
  pod.is_static = is_static(pod.metadata);
  return pod;
}

}  // namespace melon::kube::detail

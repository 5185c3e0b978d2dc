// SPDX-License-Identifier: Apache-2.0
// What commands that ask about a cluster in files have in common.
#include "cli/cluster_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <ostream>

#include "config/descriptors.h"
#include "kube/read_objects.h"
#include "placement/policy.h"

namespace melon::cli {
namespace {

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const placement::Policy& policy : placement::policies()) names.emplace_back(policy.name);
  return names;
}

std::vector<std::string> compat_names() {
  std::vector<std::string> names;
  for (const auto& [value, word] : vendors::Words<vendors::Compatibility>::kAll)
    names.emplace_back(word);
  return names;
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string reason_line(const kube::Reason& reason) {
  return fmt::format("  {} node{}: {}{}\n", reason.nodes, reason.nodes == 1 ? "" : "s", reason.text,
                     reason.example.empty() ? "" : fmt::format(" ({})", reason.example));
}

std::string placed_text(const kube::Answer& answer) {
  std::string text = fmt::format("{}: would go to {}\n", answer.pod, answer.node);
  for (const kube::PlacedContainer& container : answer.containers)
    for (const kube::PlacedDevice& device : container.devices)
      text += fmt::format("  {}: {} ({}): {} MiB, compute {}\n", container.name, device.uuid,
                          device.type, device.memory_mib, device.compute);
  for (const kube::PlacedContainer& container : answer.containers) {
    if (!container.environment.empty())
      text += fmt::format("  environment of {}\n", container.name);
    for (const auto& [name, value] : container.environment)
      text += fmt::format("    {}={}\n", name, value);
  }
  if (answer.annotations.empty()) return text;
  text += "  annotations\n";
  for (const auto& [key, value] : answer.annotations)
    text += fmt::format("    {}: {}\n", key, value);
  return text;
}

kube::TextMap printable_texts(const kube::TextMap& texts) {
  kube::TextMap clean;
  for (const auto& [key, value] : texts) clean.emplace(printable(key), printable(value));
  return clean;
}

/// The same answer, with names that no terminal acts on.
kube::Answer to_show(kube::Answer answer) {
  const auto clean = [](std::string& text) { text = printable(text); };
  for (std::string* const text : {&answer.pod, &answer.refusal, &answer.remedy, &answer.node,
                                  &answer.policy_reason, &answer.nearest})
    clean(*text);
  for (kube::PlacedContainer& container : answer.containers) {
    clean(container.name);
    container.environment = printable_texts(container.environment);
    for (kube::PlacedDevice& device : container.devices) {
      clean(device.uuid);
      clean(device.type);
    }
  }
  answer.annotations = printable_texts(answer.annotations);
  for (kube::Reason& reason : answer.reasons) {
    clean(reason.text);
    clean(reason.example);
  }
  for (std::string& name : answer.not_evaluated) clean(name);
  if (answer.preemption) {
    clean(answer.preemption->node);
    for (std::string& pod : answer.preemption->pods) clean(pod);
  }
  return answer;
}

std::string unplaced_text(const kube::Answer& answer) {
  if (!answer.refusal.empty())
    return fmt::format("{}: would be refused: {}\n  remedy: {}\n", answer.pod, answer.refusal,
                       answer.remedy);
  std::string text = fmt::format("{}: no node takes it\n", answer.pod);
  for (const kube::Reason& reason : answer.reasons) text += reason_line(reason);
  if (answer.reasons.empty()) text += "  there are no nodes\n";
  if (!answer.nearest.empty()) text += fmt::format("  nearest: {}\n", answer.nearest);
  if (answer.preemption)
    text += fmt::format("  without {} it would fit on {}{}\n",
                        fmt::join(answer.preemption->pods, ", "), answer.preemption->node,
                        answer.preemption->is_least ? "" : " (fewer pods may do)");
  return text;
}

/// Kinds of objects, and how many there are of each, that are no pods.
std::map<std::string, std::int64_t> others_of(const kube::Objects& objects) {
  std::map<std::string, std::int64_t> others = objects.ignored;
  const auto add = [&others](const char* kind, const auto& list) {
    if (!list.empty()) others[kind] += std::ssize(list);
  };
  add("Node", objects.nodes);
  add("ResourceQuota", objects.quotas);
  add("PodDisruptionBudget", objects.budgets);
  add("PodGroup", objects.groups);
  add("PriorityClass", objects.priority_classes);
  return others;
}

std::string kinds_text(const std::map<std::string, std::int64_t>& kinds) {
  std::vector<std::string> texts;
  for (const auto& [kind, count] : kinds)
    texts.push_back(count == 1 ? printable(kind) : fmt::format("{} {}", count, printable(kind)));
  return texts.empty() ? "nothing that can be read" : fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::vector<Parameter> ClusterFlags::parameters() {
  return {{.names = "-f,--filename",
           .target = &files,
           .value = "FILE",
           .text = "Kubernetes objects of a cluster, YAML or JSON; may be repeated; - is stdin"},
          {.names = "--pod",
           .target = &pods,
           .value = "FILE",
           .text = "The pod that is asked about, or several"},
          {.names = "--policy",
           .target = &policy,
           .value = "POLICY",
           .text = "How to choose: a name, or NODE/CARDS as in binpack/numa,spread",
           .offered = policy_names()},
          {.names = "--compat",
           .target = &compat,
           .value = "VERSION",
           .text = "Whose rules decide: Melon's own (none) or HAMi's",
           .choices = compat_names()},
          {.names = "--vendors",
           .target = &vendors_folder,
           .value = "FOLDER",
           .text = "Vendor descriptors beside the built-in ones"}};
}

Result<std::vector<vendors::Descriptor>> load_vendors(const ClusterFlags& flags) {
  return config::load_descriptors(flags.vendors_folder);
}

Result<OpenedCluster> open_cluster(const ClusterFlags& flags) {
  MELON_TRY(const auto descriptors, load_vendors(flags));
  MELON_TRY(const auto compat, vendors::parse_word<vendors::Compatibility>(flags.compat));
  kube::Objects cluster;
  kube::Objects asked;
  for (const std::string& file : flags.files)
    MELON_RETURN_IF_ERROR(kube::read_objects_file(file, cluster));
  for (const std::string& file : flags.pods)
    MELON_RETURN_IF_ERROR(kube::read_objects_file(file, asked));
  MELON_TRY(auto what_if,
            kube::WhatIf::make(
                cluster, descriptors,
                {.policy = flags.policy, .compat = compat, .unix_seconds = unix_seconds()}));
  OpenedCluster opened{.what_if = std::move(what_if),
                       .pods = std::move(asked.pods),
                       .beside_pods = others_of(asked)};
  opened.set_aside = std::move(cluster.set_aside);
  const auto add = [&opened](const std::vector<kube::SetAside>& more) {
    opened.set_aside.insert(opened.set_aside.end(), more.begin(), more.end());
  };
  add(opened.what_if.set_aside());
  add(asked.set_aside);
  return opened;
}

Result<> check_pods(const OpenedCluster& cluster, const ClusterFlags& flags, bool or_several,
                    std::string_view of_several) {
  const std::string files = fmt::format("{}", fmt::join(flags.pods, ", "));
  if (cluster.pods.empty())
    return fail(Code::kInvalidArgument,
                fmt::format("--pod {}: there is no Pod in it, but {}", files,
                            kinds_text(cluster.beside_pods)),
                cluster.beside_pods.empty()
                    ? "name a file with a Pod, YAML or JSON"
                    : "write a Pod; of what makes pods, its template with kind: Pod");
  if (or_several || cluster.pods.size() == 1) return {};
  return fail(
      Code::kInvalidArgument,
      fmt::format("--pod {}: there are {} pods in it, expected one", files, cluster.pods.size()),
      std::string(of_several));
}

void warn(const Session& session, const std::vector<kube::SetAside>& set_aside) {
  for (const kube::SetAside& object : set_aside)
    *session.err << fmt::format("melon: set aside: {}: {}\n  remedy: {}\n",
                                printable(object.object), printable(object.problem),
                                printable(object.remedy));
}

Result<> refuse_csv(const Session& session, std::string_view command) {
  if (session.format != OutputFormat::kCsv) return {};
  return fail(Code::kInvalidArgument, fmt::format("-o csv: {} answers with no table", command),
              "use -o json, or explain --place-all, which has one");
}

std::string to_text(const std::vector<kube::Reason>& by_node) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, by_node.size()); ++i)
    text += fmt::format("  {} on {}\n", by_node[i].nodes, printable(by_node[i].text));
  if (by_node.size() > kShown)
    text += fmt::format("  ... and {} nodes more\n", by_node.size() - kShown);
  return text;
}

std::string to_text(const kube::Answer& given) {
  const kube::Answer answer = to_show(given);
  std::string text = answer.is_placed() ? placed_text(answer) : unplaced_text(answer);
  if (!answer.policy.empty())
    text += fmt::format("  policy: {} ({})\n", answer.policy, answer.policy_reason);
  if (!answer.not_evaluated.empty())
    text += fmt::format("  not evaluated: {}\n", fmt::join(answer.not_evaluated, ", "));
  return text;
}

}  // namespace melon::cli

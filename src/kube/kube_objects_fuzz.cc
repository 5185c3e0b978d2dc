// SPDX-License-Identifier: Apache-2.0
// Fuzzes questions about clusters: any text is refused with a remedy or read, what is set aside is
// named, and every pod gets an answer.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/descriptors.h"
#include "kube/read_objects.h"
#include "kube/what_if.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  melon::kube::Objects objects;
  const auto done = melon::kube::read_objects("fuzz", text, objects);
  if (!done && (done.error().remedy.empty() || !done.error().message.starts_with("fuzz")))
    std::abort();
  for (const melon::kube::SetAside& object : objects.set_aside)
    if (!object.object.starts_with("fuzz:") || object.problem.empty() || object.remedy.empty())
      std::abort();
  for (const melon::kube::Node& node : objects.nodes)
    if (node.metadata.name.empty()) std::abort();
  for (const melon::kube::Pod& pod : objects.pods)
    if (pod.metadata.name.empty() || pod.containers.empty()) std::abort();
  if (objects.nodes.empty() && objects.pods.empty()) return 0;
  static const auto kDescriptors = melon::config::load_descriptors("").value();
  auto what_if = melon::kube::WhatIf::make(objects, kDescriptors, {});
  if (!what_if) std::abort();
  for (const melon::kube::SetAside& object : what_if->set_aside())
    if (object.object.empty() || object.problem.empty() || object.remedy.empty()) std::abort();
  constexpr std::size_t kMostAsked = 1;
  for (std::size_t i = 0; i < objects.pods.size() && i < kMostAsked; ++i) {
    const auto answer = what_if->place(objects.pods[i]);
    // Without a reason only where no node is left: there was none, or all were set aside.
    const bool has_nodes = !objects.nodes.empty() && what_if->set_aside().empty();
    const bool is_told = answer.is_placed() || !answer.refusal.empty() || !answer.reasons.empty();
    if (!is_told && has_nodes) std::abort();
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Fuzzes the reader of Kubernetes objects: any text is refused with a remedy or read; what it sets
// aside is named.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kube/read_objects.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  melon::kube::Objects objects;
  const auto done = melon::kube::read_objects("fuzz", text, objects);
  if (!done && (done.error().remedy.empty() || !done.error().message.starts_with("fuzz")))
    std::abort();
  for (const melon::kube::SetAside& object : objects.set_aside)
    if (!object.object.starts_with("fuzz: ") || object.problem.empty() || object.remedy.empty())
      std::abort();
  for (const melon::kube::Node& node : objects.nodes)
    if (node.metadata.name.empty()) std::abort();
  for (const melon::kube::Pod& pod : objects.pods)
    if (pod.metadata.name.empty() || pod.containers.empty()) std::abort();
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "kube/objects.h"

namespace melon::kube::detail {

/// The positions of objects of which no later one has the same name.
template <class T>
std::vector<std::size_t> last_of_each(const std::vector<T>& objects) {
  std::unordered_map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < objects.size(); ++i) last[full_name(objects[i].metadata)] = i;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < objects.size(); ++i)
    if (last[full_name(objects[i].metadata)] == i) positions.push_back(i);
  return positions;
}

}  // namespace melon::kube::detail

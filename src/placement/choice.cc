// SPDX-License-Identifier: Apache-2.0
// Says in words how the devices stood when one was chosen.
#include "placement/choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/quantity_text.h"

namespace melon::placement {
namespace {

std::string left(const Standing& standing) {
  return fmt::format("{} ({} and {} of compute stay free)", standing.device,
                     to_text(standing.memory_left), to_text(standing.compute_left));
}

/// Why a device refuses the request.
std::string against(const Standing& standing) {
  std::vector<std::string> messages;
  for (const Rejection& rejection : standing.rejections) messages.push_back(rejection.message);
  return fmt::format("{}", fmt::join(messages, "; "));
}

struct Heaps {
  std::vector<std::string> taken, unfit, better, worse, refused;  // unfit: why not where it is
};

std::string in_words(const Heaps& heaps) {
  std::string text = fmt::format("placed on {}", fmt::join(heaps.taken, ", "));
  if (!heaps.unfit.empty())
    text += fmt::format(", where it would not fit now: {}", fmt::join(heaps.unfit, "; "));
  else if (heaps.better.empty())
    text += heaps.worse.empty() ? ", where alone it fits" : ", where the least stays free";
  if (!heaps.better.empty())
    text += fmt::format("; now it would go to {}", fmt::join(heaps.better, ", "));
  if (!heaps.worse.empty())
    text += fmt::format("; it would fit on {}", fmt::join(heaps.worse, ", "));
  if (!heaps.refused.empty()) text += fmt::format("; {}", fmt::join(heaps.refused, "; "));
  return text;
}

}  // namespace

std::string explain_choice(const Machine& machine, const core::Grant& grant) {
  const Placement& placement = grant.slices;
  Heaps heaps;
  for (const core::Slice& slice : placement)
    if (machine.find_device(slice.device) == nullptr) {
      heaps.taken.push_back(slice.device);
      heaps.unfit.push_back(fmt::format("{} is not there", slice.device));
    }
  for (const Standing& standing : machine.compare(grant)) {
    const bool is_taken =
        std::ranges::find(placement, standing.device, &core::Slice::device) != placement.end();
    if (!standing.rejections.empty() && !is_taken)
      heaps.refused.push_back(against(standing));
    else if (is_taken && !standing.rejections.empty()) {
      heaps.taken.push_back(standing.device);
      heaps.unfit.push_back(against(standing));
    } else if (is_taken)
      heaps.taken.push_back(left(standing));
    else if (heaps.taken.size() < placement.size())
      heaps.better.push_back(left(standing));
    else
      heaps.worse.push_back(left(standing));
  }
  return fmt::format("{}; policy {}, the one of single machines: {}", in_words(heaps),
                     Machine::policy().name, Machine::policy().text);
}

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// Says in one line what an event of a grant is about.
#include "agent/event_text.h"

#include <fmt/format.h>

#include "base/quantity_text.h"
#include "core/names.h"

namespace melon::agent {
namespace {

std::string compute_text(const core::Request& request, const core::Slice& slice) {
  switch (request.share_mode()) {
    case core::ShareMode::kHard:
      return fmt::format("hard {}", melon::to_text(slice.compute));
    case core::ShareMode::kBurst:
      return fmt::format("burst {} to {}, weight {}", melon::to_text(slice.compute),
                         melon::to_text(slice.ceiling), request.weight);
    case core::ShareMode::kWeighted:
      break;
  }
  return fmt::format("weight {}", request.weight);
}

}  // namespace

std::string slices_text(const core::Grant& grant) {
  std::string text;
  for (const core::Slice& slice : grant.slices)
    text += fmt::format("{} of {}, {}; ", melon::to_text(slice.memory), slice.device,
                        compute_text(grant.request, slice));
  return fmt::format("{}priority {}", text, core::to_text(grant.request.priority));
}

std::string end_text(const core::Grant& grant) {
  if (!grant.reason.empty() || !grant.exit_code) return grant.reason;
  return fmt::format("exit status {}", *grant.exit_code);
}

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "kube/objects.h"
#include "placement/hami_choice.h"
#include "placement/policy.h"
#include "vendors/catalogue.h"
#include "vendors/compatibility.h"
#include "vendors/quota.h"

namespace melon::kube::detail {

/// How HAMi would choose for a pod: by its annotations, else by the policy that was asked for, else
/// by the defaults of its flags (nodes binpack, cards spread). Errors: kInvalidArgument for weights
/// that 2.10 would not take.
Result<placement::HamiOptions> hami_options(const Pod& pod, vendors::Compatibility compat,
                                            const std::optional<placement::NamedPolicy>& asked);

/// What a namespace may still have, by the vendor's word.
std::map<std::string, placement::QuotaLeft> quota_left(const vendors::QuotaLimits& limits,
                                                       const vendors::QuotaAmounts& held,
                                                       const vendors::Catalogue& catalogue);

/// The same as a bound on one pod of a namespace. A limit that is exceeded already leaves 0.
std::vector<placement::QuotaBound> quota_bounds(
    const std::string& space, const std::map<std::string, placement::QuotaLeft>& left);

/// "binpack/spread": what these options are called.
std::string name_of(const placement::HamiOptions& options);

}  // namespace melon::kube::detail

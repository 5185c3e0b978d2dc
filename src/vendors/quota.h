// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "vendors/admission.h"
#include "vendors/catalogue.h"
#include "vendors/compatibility.h"

namespace melon::vendors {

/// Memory and compute of one backend's devices, summed over all devices of all containers.
struct QuotaAmount {
  MiB memory = {};
  std::int64_t compute = 0;

  bool operator==(const QuotaAmount&) const = default;
};

/// What a namespace may have of one backend. Empty: no limit.
struct QuotaLimit {
  std::optional<MiB> memory = {};
  std::optional<std::int64_t> compute = {};

  bool operator==(const QuotaLimit&) const = default;
};

using QuotaLimits = std::map<BackendId, QuotaLimit>;
using QuotaAmounts = std::map<BackendId, QuotaAmount>;

/// Reads the `hard` part of a ResourceQuota into `limits`: keys "limits.NAME" where NAME is memory
/// or compute of a backend; others are somebody else's. Of several quotas the smallest limit holds.
/// By itself and since 2.10 a limit of 0 allows nothing; in 2.9 it is no limit. Errors:
/// kInvalidArgument naming the key, for what is no amount.
Result<> read_quota(const std::map<std::string, std::string>& hard, const Catalogue& catalogue,
                    Compatibility mode, QuotaLimits& limits);

/// The most that a pod's demands need at one time: the larger of each initial container with the
/// sidecars before it, and all others together. 2.9 counts single devices of app containers alone.
/// Amounts in percent are not known before a device is chosen, and count as nothing.
QuotaAmounts peak_amounts(std::span<const ContainerSpec> containers, const Demands& demands,
                          Compatibility mode);

/// Adds to or takes from what is used; taking never goes below 0.
void add(QuotaAmounts& used, const QuotaAmounts& more);
void take(QuotaAmounts& used, const QuotaAmounts& less);

/// Errors: kResourceExhausted with the figures, where used and asked exceed a limit.
Result<> check_quota(const QuotaLimits& limits, const QuotaAmounts& used, const QuotaAmounts& asked,
                     const Catalogue& catalogue);

}  // namespace melon::vendors

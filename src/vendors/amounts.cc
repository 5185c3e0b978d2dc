// SPDX-License-Identifier: Apache-2.0
// Reads the numbers of a container's resource lists.
#include <fmt/format.h>

#include <limits>

#include "base/kube_quantity.h"
#include "vendors/detail/amounts.h"

namespace melon::vendors::detail {
namespace {

constexpr std::int64_t kMostUnits = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kBytesPerMib = std::int64_t{1024} * 1024;

struct Written {
  std::string name;
  std::string text;
};

std::optional<Written> find_in(const std::map<std::string, std::string>& list,
                               const std::string& name) {
  const auto found = list.find(name);
  if (name.empty() || found == list.end()) return std::nullopt;
  return Written{name, found->second};
}

/// The amount under one name: limits count, requests where there is no limit.
std::optional<Written> find_written(const ContainerSpec& container, const std::string& name) {
  auto written = find_in(container.limits, name);
  return written ? written : find_in(container.requests, name);
}

tl::unexpected<Error> refuse_text(const Written& written, std::string_view rule,
                                  std::string remedy) {
  return fail(Code::kInvalidArgument, fmt::format("{} '{}': {}", written.name, written.text, rule),
              std::move(remedy));
}

Result<KubeQuantity> quantity_of(const Written& written) {
  const auto quantity = parse_kube_quantity(written.text);
  if (quantity) return *quantity;
  return fail(Code::kInvalidArgument, fmt::format("{}: {}", written.name, quantity.error().message),
              quantity.error().remedy);
}

Result<Amount> read_whole(const Written& written) {
  MELON_TRY(const KubeQuantity quantity, quantity_of(written));
  if (!quantity.is_integer())
    return refuse_text(written, "not a whole number", "write a whole number");
  if (quantity.whole < 0) return refuse_text(written, "below 0", "write 0 or more");
  if (quantity.whole > kMostUnits)
    return refuse_text(written, fmt::format("more than {}", kMostUnits), "write a smaller number");
  return Amount{quantity.whole, written.name};
}

/// Percentages as HAMi 2.10 reads those of pods that were never admitted: bounded, 0 is none.
Result<std::optional<Amount>> read_percentage(const Written& written, Compatibility mode,
                                              bool admitting) {
  MELON_TRY(const KubeQuantity quantity, quantity_of(written));
  const bool lenient = is_compatible(mode) && !admitting;
  const std::int64_t percent = quantity.whole;
  if (!lenient && (!quantity.is_integer() || percent < 0 || percent > 100))
    return refuse_text(written, "not a percentage", "write a whole number from 0 to 100");
  if (percent <= 0) return std::optional<Amount>();
  return std::optional(Amount{std::min<std::int64_t>(percent, 100), written.name});
}

/// 2.9 kept 32 bits of the number and dropped what was not positive then.
std::optional<Amount> truncated(const Written& written, const KubeQuantity& quantity,
                                std::int64_t unit_mib) {
  const auto bits = static_cast<std::int32_t>(static_cast<std::uint64_t>(quantity.whole));
  if (bits <= 0) return std::nullopt;
  return Amount{bits * unit_mib, written.name};
}

bool has_suffix(std::string_view text) {
  return !text.empty() && (text.back() < '0' || text.back() > '9') && text.back() != '.';
}

/// Bytes in MiB, rounded down as the vendors' schedulers do.
Result<std::optional<Amount>> read_bytes(const Written& written, const KubeQuantity& quantity) {
  if (quantity.whole < 0) return refuse_text(written, "below 0", "write 0 or more");
  return std::optional(Amount{quantity.whole / kBytesPerMib, written.name});
}

Result<std::optional<Amount>> read_units(const Written& written, const KubeQuantity& quantity,
                                         std::int64_t unit_mib) {
  const std::string hint = fmt::format("it counts units of {} MiB: for 16 GiB write {}", unit_mib,
                                       std::int64_t{16} * 1024 / unit_mib);
  if (!quantity.is_integer()) return refuse_text(written, "not a whole number", hint);
  if (quantity.whole < 0) return refuse_text(written, "below 0", hint);
  if (quantity.whole > kMostUnits / unit_mib)
    return refuse_text(written, fmt::format("more than {} MiB", kMostUnits), hint);
  return std::optional(Amount{quantity.whole * unit_mib, written.name});
}

Result<std::optional<Amount>> read_memory(const Written& written, const MemoryRule& rule,
                                          std::int64_t unit_mib, Compatibility mode) {
  MELON_TRY(const KubeQuantity quantity, quantity_of(written));
  const bool bare = !has_suffix(written.text);
  if (rule.suffix_means_bytes && !bare) return read_bytes(written, quantity);
  if (rule.ambiguous_above > 0 && !is_compatible(mode))
    return refuse_text(written, "a bare number may mean GiB or MiB", "write 20Gi or 20480Mi");
  const bool is_mib = rule.ambiguous_above > 0 && quantity.whole > rule.ambiguous_above;
  if (is_mib)
    return std::optional(
        Amount{(quantity.whole + unit_mib - 1) / unit_mib * unit_mib, written.name});
  if (mode == Compatibility::kHami29 && rule.rounding != Rounding::kLegal)
    return truncated(written, quantity, unit_mib);
  return read_units(written, quantity, unit_mib);
}

/// Reads one resource under all its names.
class Reader {
 public:
  Reader(const ContainerSpec& container, const Catalogue& catalogue, BackendId backend)
      : container_(container), catalogue_(catalogue), id_(backend) {}

  /// `convert` makes an optional amount of what is written and the name's unit of memory.
  template <class Convert>
  Result<std::optional<Amount>> read(Resource resource, Convert convert) const {
    const Backend& backend = catalogue_.backend(id_);
    std::optional<Amount> found;
    if (const auto written = find_written(container_, backend.resources.of(resource))) {
      MELON_TRY(found, convert(*written, backend.memory.unit_mib));
    }
    for (const Alias* const alias : catalogue_.aliases(id_, resource)) {
      const auto written = find_written(container_, alias->name);
      if (!written) continue;
      const std::int64_t unit = alias->unit_mib == 0 ? backend.memory.unit_mib : alias->unit_mib;
      MELON_TRY(auto other, convert(*written, unit));
      // A smaller unit than is written and sliced today: up to whole ones of these.
      const std::int64_t today = backend.memory.unit_mib;
      if (other && resource == Resource::kMemory && unit < today)
        other->value = (other->value + today - 1) / today * today;
      if (found && other && found->value != other->value)
        return refuse_text(*written, fmt::format("{} says otherwise", found->name),
                           fmt::format("remove {}", written->name));
      if (!found) found = other;
    }
    return found;
  }

 private:
  const ContainerSpec& container_;
  const Catalogue& catalogue_;
  BackendId id_;
};

Result<std::optional<Amount>> read_number(const Written& written, std::int64_t /*unit_mib*/) {
  MELON_TRY(Amount amount, read_whole(written));
  return std::optional(std::move(amount));
}

}  // namespace

tl::unexpected<Error> refuse(const Amount& amount, std::string_view rule, std::string remedy) {
  return fail(Code::kInvalidArgument, fmt::format("{} {}: {}", amount.name, amount.value, rule),
              std::move(remedy));
}

Result<Amounts> read_amounts(const ContainerSpec& container, const Circumstances& at,
                             const Catalogue& catalogue) {
  const Reader reader(container, catalogue, at.id);
  const MemoryRule& memory = at.backend.memory;
  Amounts amounts;
  MELON_TRY(amounts.count, reader.read(Resource::kCount, read_number));
  MELON_TRY(amounts.compute, reader.read(Resource::kCompute, read_number));
  MELON_TRY(amounts.priority, reader.read(Resource::kPriority, read_number));
  MELON_TRY(amounts.memory,
            reader.read(Resource::kMemory, [&](const Written& written, std::int64_t unit_mib) {
              return read_memory(written, memory, unit_mib, at.mode);
            }));
  MELON_TRY(amounts.percentage,
            reader.read(Resource::kMemoryPercentage, [&](const Written& written, std::int64_t) {
              return read_percentage(written, at.mode, at.admitting);
            }));
  return amounts;
}

}  // namespace melon::vendors::detail

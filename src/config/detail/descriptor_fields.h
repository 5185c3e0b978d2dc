// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/detail/fields.h"
#include "core/names.h"
#include "vendors/descriptor.h"

namespace melon::vendors {

/// The words of core's enumerator, where its table is private.
template <>
struct Words<core::Enforcement> {
  static constexpr std::string_view kWhat = "enforcement";
  static inline const std::array kAll = {
      std::pair{core::Enforcement::kNone, core::to_text(core::Enforcement::kNone)},
      std::pair{core::Enforcement::kShim, core::to_text(core::Enforcement::kShim)}};
};

}  // namespace melon::vendors

namespace melon::config::detail {

template <>
std::span<const Field<vendors::ResourceNames>> fields_of();
template <>
std::span<const Field<vendors::Alias>> fields_of();
template <>
std::span<const Field<vendors::Template>> fields_of();
template <>
std::span<const Field<vendors::MemoryRule>> fields_of();
template <>
std::span<const Field<vendors::ComputeRule>> fields_of();
template <>
std::span<const Field<vendors::CountRule>> fields_of();
template <>
std::span<const Field<vendors::SoftMode>> fields_of();
template <>
std::span<const Field<vendors::PartitionProfile>> fields_of();
template <>
std::span<const Field<vendors::PartitionTable>> fields_of();
template <>
std::span<const Field<vendors::AdmissionRule>> fields_of();
template <>
std::span<const Field<vendors::Registration>> fields_of();
template <>
std::span<const Field<vendors::Liveness>> fields_of();
template <>
std::span<const Field<vendors::AnnotationKeys>> fields_of();
template <>
std::span<const Field<vendors::Lock>> fields_of();
template <>
std::span<const Field<vendors::SelectorKeys>> fields_of();
template <>
std::span<const Field<vendors::Picker>> fields_of();
template <>
std::span<const Field<vendors::NodeScore>> fields_of();
template <>
std::span<const Field<vendors::NodeSettings>> fields_of();
template <>
std::span<const Field<vendors::Backend>> fields_of();
template <>
std::span<const Field<vendors::Descriptor>> fields_of();

}  // namespace melon::config::detail

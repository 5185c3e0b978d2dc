// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placement/hami_choice.h"

namespace melon::placement::detail {

/// Lays one request onto one node as HAMi does.
class HamiNode {
 public:
  HamiNode(const NodeTable& nodes, std::uint32_t node, const Shape& shape,
           const HamiOptions& options);

  /// The layout, or nothing; reasons() then says why.
  std::optional<Layout> fit();
  /// Of the node before, and what the vendors of the request's devices add; after fit().
  double score() const;
  std::string reasons() const;

 private:
  /// What the request itself has on a card, or of all cards of a vendor.
  struct Load {
    Amounts sidecars = {}, apps = {}, init = {}, most = {};
    std::size_t init_container = 0;
  };
  /// A slice that is about to be taken.
  struct Taken {
    std::uint16_t card = 0;
    Amounts amounts = {};
  };

  const DeviceDemand& demand_of(std::size_t step) const { return shape_.steps()[step].demand; }
  bool is_of_vendor(std::uint16_t card, const DeviceDemand& demand) const;
  Amounts total_of(std::uint16_t card) const;
  Amounts used_on(std::uint16_t card) const;
  Amounts beside(const Load& load, std::size_t step) const;
  Amounts used_now(std::uint16_t card, std::size_t step) const;
  Amounts counted_ask(std::size_t step, const DeviceKind& kind) const;
  std::vector<std::uint16_t> walk(std::size_t step) const;
  bool fit_step(std::size_t step);
  bool collect(std::size_t step, const std::vector<std::uint16_t>& cards);
  void try_card(std::size_t step, std::uint16_t card);
  bool choose_set(std::size_t step);
  bool has_too_few(std::size_t step);
  bool serves_mode(std::size_t step) const;
  void tell_shortage(std::size_t step);
  void tell_no_set(std::size_t step);
  std::size_t cards_in_pairs() const;
  // Checks of a card, in hami_refusal.cc; empty where it passes.
  std::string_view refusal_of_kind(std::size_t step, std::uint16_t card) const;
  std::string_view refusal(std::size_t step, std::uint16_t card) const;
  std::string_view refusal_of_places(std::size_t step, std::uint16_t card) const;
  std::string_view refusal_of_amounts(std::size_t step, std::uint16_t card,
                                      const Amounts& asked) const;
  std::string_view refusal_of_rules(std::size_t step, std::uint16_t card) const;
  bool is_apart_from_its_pod(std::size_t step, std::uint16_t card) const;
  std::optional<std::int32_t> free_places(std::size_t step, std::uint16_t card) const;
  bool is_over_quota(std::size_t step, const Amounts& asked) const;
  bool wants_all(std::size_t step) const;
  void add(Load& load, std::size_t step, const Amounts& amounts) const;
  void take(std::size_t step, const Taken& taken);
  Layout layout() const;

  const NodeTable& nodes_;
  const NodeRow& row_;
  std::uint32_t node_;
  const Shape& shape_;
  const HamiOptions& options_;
  std::vector<Load> loads_;
  std::vector<Taken> collected_;  // by the step that is being fitted
  std::vector<ContainerSlice> slices_;
  std::map<std::string, Load> of_vendor_;           // what the request has taken so far
  std::map<std::string, int, std::less<>> counts_;  // cards by reason
  std::size_t cards_of_vendor_ = 0;
  std::size_t counted_of_ = 0;  // what counts_ is told to be a part of
};

}  // namespace melon::placement::detail

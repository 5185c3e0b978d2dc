// SPDX-License-Identifier: Apache-2.0
// The made-up vendor of docs/howto/add-a-vendor.md: one file, and its devices are asked for.
#include <gtest/gtest.h>

#include "config/descriptors.h"
#include "vendors/admission.h"
#include "vendors/template_text.h"

namespace melon::config {
namespace {

constexpr const char* kAcme = MELON_TEST_DATA "/vendors/acme.yaml";

TEST(ExampleVendor, IsAdmittedAndWritten) {
  const auto checked = load_descriptors_with(kAcme);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->id, "acme");
  const vendors::Catalogue catalogue(checked->descriptors);
  const vendors::PodSpec pod{
      .containers = {{.name = "c0",
                      .limits = {{"acme.com/old-card", "1"}, {"acme.com/card-memory", "5000"}}}}};
  const auto admission = vendors::admit(pod, catalogue, {});
  ASSERT_TRUE(admission) << admission.error().message;
  const vendors::Demand& demand = admission->demands.front().front();
  EXPECT_EQ(demand.template_name, "half");
  EXPECT_EQ(demand.costs.at("engine"), 2);
  const auto& limits = admission->pod.containers.front().limits;
  EXPECT_EQ(limits.at("acme.com/card"), "1");
  EXPECT_EQ(limits.at("acme.com/card-memory"), "8192");
  EXPECT_FALSE(limits.contains("acme.com/old-card"));
  const vendors::Backend& backend = catalogue.backend(*catalogue.find("Acme"));
  const vendors::ContainerSlices slices{
      .container = "c0", .devices = {{.uuid = "A-1", .index = 3, .template_name = "half"}}};
  EXPECT_EQ(fixed_annotations_of(backend, {.containers = {slices}})->at("acme.com/slices"),
            R"([{"uuid":"A-1","size":"half"}])");
  EXPECT_EQ(environment_of(backend, slices)->at("ACME_VISIBLE_CARDS"), "3");
}

TEST(ExampleVendor, AFileThatIsNoDescriptorIsNamed) {
  EXPECT_EQ(load_descriptors_with("/nowhere/acme.yaml").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace melon::config

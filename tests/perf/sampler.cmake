# What the samplers cost.
if(TARGET ifm_worker)
  ifm_add_test(NAME sampler_bench LABEL perf SOURCES sampler_bench.c LIBS ifm_worker ifm_core TIMEOUT 120)
  add_dependencies(test_perf_sampler_bench ifm_rt_sim)
endif()

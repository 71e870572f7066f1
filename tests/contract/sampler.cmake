# One suite over every sampler, one line each.
function(ifm_add_sampler_contract name)
  ifm_add_test(NAME sampler_${name} LABEL contract SOURCES sampler_test.c LIBS ifm_worker ifm_testlib)
  target_compile_definitions(test_contract_sampler_${name} PRIVATE SAMPLER="${name}")
endfunction()

ifm_add_sampler_contract(proc)
ifm_add_sampler_contract(freq)
ifm_add_sampler_contract(thermal)
ifm_add_sampler_contract(perf)
ifm_add_sampler_contract(rapl)

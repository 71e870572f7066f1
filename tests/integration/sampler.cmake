if(TARGET inferometer)
  ifm_add_script(NAME sampler_tree LABEL integration TIMEOUT 120
                 COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/sampler_tree_test.py)
endif()

-- ARGV from 5: the group that becomes the first, its first record, its chain.
if not ends_with(tonumber(ARGV[3])) then
  return behind()
end
if origin < tonumber(ARGV[5]) then
  redis.call('XTRIM', KEYS[1], 'MINID', '=', ARGV[5] .. '-0')
  redis.call('HSET', KEYS[2], 'origin', ARGV[5], 'origin_seq', ARGV[6], 'origin_chain', ARGV[7])
end
renew()
return {'OK'}

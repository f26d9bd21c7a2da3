-- Without its token the caller is fenced, should it still have a renewal under way.
if epoch == mine then
  local group, seq = last()
  redis.call('HSET', KEYS[2], 'until', 0, 'token', '', 'group', group, 'seq', seq)
end
return {'OK'}

-- Without its token the caller is fenced, should it still have a renewal under way.
if epoch == mine then
  redis.call('HSET', KEYS[2], 'until', 0, 'token', '')
end
return {'OK'}

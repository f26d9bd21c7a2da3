if epoch == mine then
  redis.call('HSET', KEYS[2], 'until', 0)
end
return {'OK'}
